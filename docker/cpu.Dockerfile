# pointnc on a CPU: docker build -f docker/cpu.Dockerfile -t pointnc:cpu . && docker run --rm --shm-size=2g -v "$PWD/runs:/app/runs" pointnc:cpu
# Loader workers hand batches over in shared memory, of which Docker gives 64 MB unless told otherwise.
FROM python:3.11-slim
# spconv's wheel links against the OpenMP runtime of GCC.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ARG PIP_FLAGS=""
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pointnc pointnc
COPY data_prep data_prep
COPY conf conf
RUN pip install --no-cache-dir -c constraints.txt ${PIP_FLAGS} torch && pip install --no-cache-dir -c constraints.txt .
ENTRYPOINT ["python", "-m"]
CMD ["pointnc.train"]
