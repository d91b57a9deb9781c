# The harness in a container.
#
#   docker build -t cpis-harness .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/workspace" cpis-harness run
#
# BASE is any image with Python 3.11 or newer and its venv module, such as your organisation's own copy.
ARG BASE=python:3.12-slim
FROM ${BASE}

# HOME is writable for whatever user id `--user` names, also one without an account.
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HOME=/tmp \
    PATH=/opt/venv/bin:$PATH

WORKDIR /opt/cpis

# The lock first: the layer is kept until a dependency changes. An environment of its own, because distributions refuse
# to have pip change theirs.
COPY requirements.lock ./
RUN python3 -m venv /opt/venv \
    && python -m pip install --require-hashes -r requirements.lock

COPY . .
RUN python -m pip install --no-deps --no-build-isolation . \
    && mkdir /workspace \
    && chown 10001:10001 /workspace

# A number, not a name, so that a cluster can see that it is not root.
USER 10001:10001

# `cpis.toml` is read from here, and `reports/out` is written here.
WORKDIR /workspace
ENTRYPOINT ["cpis"]
CMD ["--help"]
