#!/bin/sh
# install_packages.sh cpu|cuda: put what the service needs, at the locked versions, into $VIRTUAL_ENV.
set -eu

case "$1" in
  cuda) ;;
  cpu) export UV_TORCH_BACKEND=cpu ;;  # the same torch without four gigabytes of CUDA
  *) echo "VARIANT=$1: use cpu or cuda" >&2; exit 1 ;;
esac

python -m venv "$VIRTUAL_ENV"
python -m pip install --disable-pip-version-check uv
uv pip install --constraint requirements.lock setuptools \
  --requirement pyproject.toml --extra embedded --extra s3
