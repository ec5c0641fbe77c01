# pointnc on CUDA: docker build -f docker/cu118.Dockerfile -t pointnc:cu118 . && docker run --rm --shm-size=2g --gpus all -v "$PWD/runs:/app/runs" pointnc:cu118
# Loader workers hand batches over in shared memory, of which Docker gives 64 MB unless told otherwise.
FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04
# spconv's wheel links against the OpenMP runtime of GCC.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 python3 python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ARG PIP_FLAGS=""
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pointnc pointnc
COPY data_prep data_prep
COPY conf conf
RUN python3 -m pip install --no-cache-dir -c constraints.txt ${PIP_FLAGS} torch && python3 -m pip install --no-cache-dir -c constraints.txt .
ENTRYPOINT ["python3", "-m"]
CMD ["pointnc.train"]
