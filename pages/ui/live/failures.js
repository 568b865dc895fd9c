// What a refused answer means to its reader.

const REFUSED = new Set([401, 403]);

// An error to throw; its `trouble` is the word for what the reader can do something about.
export function failure(response) {
  return Object.assign(new Error(String(response.status)), REFUSED.has(response.status) ? { trouble: "refused" } : {});
}
