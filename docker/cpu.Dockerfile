# docker build --file docker/cpu.Dockerfile --tag sluice:cpu .
# docker run --publish 127.0.0.1:8000:8000 sluice:cpu
# It writes below /tmp and its home alone, compiled kernels among it: --read-only --tmpfs /tmp:exec --tmpfs /home/sluice:exec,uid=10001
FROM python:3.11-slim-bookworm

# vLLM's wheel links to libnuma, and torch compiles kernels for the CPU that it finds.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libnuma1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 sluice
WORKDIR /app

# Torch's CPU build is only in PyTorch's own index.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements-cpu.lock ./
RUN pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements-cpu.lock)" \
    && pip install --no-cache-dir --no-deps --requirement requirements-cpu.lock

COPY pyproject.toml README.md LICENSE ./
COPY server server
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
COPY configs configs

USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=3m --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["sluice", "serve", "--set", "http.host=0.0.0.0"]
# The demo answers whoever can reach the port. A command of your own needs `tenants:` in its file, or the same word.
CMD ["configs/demo.yaml", "--set", "http.allow_anonymous=true"]
