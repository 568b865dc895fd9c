# The dashboard, the command line and the worker in one image; compose.yaml puts PostgreSQL beside it.
# Pin to a digest of your registry's for builds that are the same to the byte.
FROM python:3.11.13-slim-bookworm

# Where pip also looks: with PyTorch's index of builds for the processor alone the image is some gigabytes smaller.
ARG PIP_EXTRA_INDEX_URL=""

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN groupadd --gid 10001 lab \
    && useradd --uid 10001 --gid lab --no-create-home --home-dir /data --shell /usr/sbin/nologin lab \
    && install -d -o lab -g lab -m 0700 /data

# Reports draw their pictures with these, in both languages.
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends fonts-dejavu-core fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /lab
COPY requirements.txt ./
RUN pip install -r requirements.txt

COPY app.py LICENSE README.md ./
COPY .streamlit/ .streamlit/
COPY assets/ assets/
COPY distill_core/ distill_core/
COPY pages/ pages/
# Compiled here: whoever runs it below may not write, and a worker would compile all of it at every start.
RUN python -m compileall -q app.py distill_core pages

# Below root's, so that nobody who gets into the process can change the code that it runs.
USER 10001:10001
ENV HOME=/data DISTILL_HOME=/data/lab DISTILL_SIGN_IN=token
VOLUME ["/data"]
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/lab/health', timeout=4)"]

# Every address of the container, which is why somebody has to sign in; compose.yaml opens it to this machine alone.
ENTRYPOINT ["python", "-m", "distill_core"]
CMD ["ui", "--address", "0.0.0.0", "--port", "8501", "--no-browser"]
