# pointnc on CUDA: docker build -f docker/cu118.Dockerfile -t pointnc:cu118 . && docker run --rm --shm-size=2g --gpus all -v "$PWD/runs:/app/runs" pointnc:cu118
# Loader workers hand batches over in shared memory, of which Docker gives 64 MB unless told otherwise.
# cu118 is the build of spconv. Both wheels bring their own CUDA libraries, the host only the driver (525 or newer): so the
# base has none. PyPI's torch is built for CUDA 13 and wants driver 580; hence the one for CUDA 12.6, of the same version.
FROM python:3.11-slim
# spconv's wheel links against the OpenMP runtime of GCC.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
ARG PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cu126"
ARG TORCH_CUDA=12.6
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pointnc pointnc
COPY data_prep data_prep
COPY conf conf
RUN pip install --no-cache-dir -c constraints.txt ${PIP_FLAGS} torch && pip install --no-cache-dir -c constraints.txt .
RUN python -c "import torch; built = torch.version.cuda; assert built == '${TORCH_CUDA}', f'torch is built for CUDA {built}'"
ENTRYPOINT ["python", "-m"]
CMD ["pointnc.train"]
