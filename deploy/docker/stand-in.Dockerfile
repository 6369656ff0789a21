# Replacement for the images of Kafka and Redis: a Java VM, with the libs of KAFKA_HOME as a volume, and Debian's Redis.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless redis-server \
    && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /opt/kafka/libs /opt/kafka/config /mnt/shared/config /var/lib/kafka/data /data \
    && chown 1000 /var/lib/kafka/data \
    && chown redis /data
