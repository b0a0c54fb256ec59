# One image for migrate, serve and worker. Packages come hash-checked from requirements.lock.
FROM python:3.13-slim AS packages
WORKDIR /app
COPY opsgraph requirements.lock ./
COPY runtime/bootstrap.py runtime/
RUN python -P runtime/bootstrap.py /app "$(cksum < requirements.lock)" \
    && .venv/bin/python -m compileall -q -j 0 .venv/lib

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home opsgraph \
    && install -d -o opsgraph /data/files
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY . .
RUN .venv/bin/python -m compileall -q runtime db domain graph workers
ENV ENVIRONMENT=production DATA_DIR=/data
USER opsgraph
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["./opsgraph"]
CMD ["serve", "--host", "0.0.0.0"]
