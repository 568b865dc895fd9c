"""What can only be found by running networks once more: one module a question, told by what `examined` keeps."""
