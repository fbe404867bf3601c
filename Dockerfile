# The service in an image of its own: it ships top-level packages with plain names (receiver,
# analysis, healing, ...) that must not meet anybody else's.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv /opt/homeostat
COPY requirements requirements
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.lock \
    && /opt/homeostat/bin/pip install --require-hashes -r requirements/run.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/homeostat/bin/pip install --no-deps --no-index /dist/homeostat-*.whl

FROM python:3.12-slim
RUN useradd --system --user-group --uid 10001 --no-create-home --shell /usr/sbin/nologin homeostat \
    && install -d -o homeostat -g homeostat -m 0700 /var/lib/homeostat
COPY --from=build /opt/homeostat /opt/homeostat
# 0.0.0.0 is the container's own network; what is published is said where the container is started.
# Set the last of the three receiver variables to false where receiver.tls and receiver.principals_file
# are set.
ENV PATH=/opt/homeostat/bin:$PATH \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    HOMEOSTAT_RECEIVER__GRPC__LISTEN=0.0.0.0:4317 \
    HOMEOSTAT_RECEIVER__HTTP__LISTEN=0.0.0.0:4318 \
    HOMEOSTAT_RECEIVER__INSECURE_LISTEN=true \
    HOMEOSTAT_STATUS__LISTEN=0.0.0.0:8080 \
    HOMEOSTAT_STATE_DIR=/var/lib/homeostat/state \
    HOMEOSTAT_KNOWLEDGE__JOURNAL=/var/lib/homeostat/journal.db
USER homeostat
WORKDIR /var/lib/homeostat
VOLUME /var/lib/homeostat
EXPOSE 4317 4318 8080
ENTRYPOINT ["homeostat"]
CMD ["run"]
