# docker build --file docker/cuda.Dockerfile --tag sluice:cuda .
# docker run --gpus all --ipc host --publish 127.0.0.1:8000:8000 sluice:cuda
# It writes below /tmp and its home alone, compiled kernels among it: --read-only --tmpfs /tmp:exec --tmpfs /home/sluice:exec,uid=10001
# The wheels bring CUDA's libraries; the driver comes from the host, through the NVIDIA container toolkit.
FROM python:3.11-slim-bookworm

# Triton compiles a launcher for each of its kernels.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libnuma1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 sluice
WORKDIR /app

COPY requirements-cuda.lock ./
RUN pip install --no-cache-dir --no-deps --requirement requirements-cuda.lock

COPY pyproject.toml README.md LICENSE ./
COPY server server
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
COPY configs configs

ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["sluice", "serve", "--set", "http.host=0.0.0.0"]
# The demo answers whoever can reach the port. A command of your own needs `tenants:` in its file, or the same word.
CMD ["configs/demo.yaml", "--set", "http.allow_anonymous=true"]
