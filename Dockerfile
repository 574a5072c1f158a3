# The image of licet: one program, which runs as controller, as gate, or as the command line.
#
#   docker build -t licet .
#   docker run --rm licet --help

FROM python:3.14-slim AS build

# The uv that uv.lock pins: it installs what the lock says, and nothing else.
RUN --mount=type=bind,source=uv.lock,target=/tmp/uv.lock \
    pip install --no-cache-dir --root-user-action=ignore \
        "uv==$(sed -n '/^name = "uv"$/{n;s/^version = "\(.*\)"$/\1/p;}' /tmp/uv.lock)"

# Bytecode is compiled here, once: the program starts in half the time, and its file system may be read-only.
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/licet \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src

# Dependencies first: this layer changes with the lock only.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --no-install-project

COPY README.md LICENSE ./
COPY operator operator
RUN uv sync --frozen --no-default-groups --no-editable

# The asynchronous client of the package `kubernetes`, which licet does not use, is a third of all that is installed.
RUN rm -rf /opt/licet/lib/python*/site-packages/kubernetes/aio


FROM python:3.14-slim

LABEL org.opencontainers.image.title="licet" \
      org.opencontainers.image.description="Kubernetes operator for software licenses: verifies, projects, gates" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/licet/bin:$PATH
COPY --from=build /opt/licet /opt/licet

# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
ENTRYPOINT ["licet"]
CMD ["--help"]
