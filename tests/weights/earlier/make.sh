#!/usr/bin/env bash
# How run_of_0.1.0.ckpt was made, at commit adf5da4 (2026-11-29, before configuration and modules were moved), in an
# environment with its packages: bash make.sh CHECKOUT FOLDER. The scenes are those of tests/helpers/synthetic.py.
set -euo pipefail
export PYTHONPATH=$1 OMP_NUM_THREADS=1
cd "$2"
python -c "from pathlib import Path; from tests.synthetic import write_raw_root; write_raw_root(Path('raw'), train=2, val=1)"
python -m data_prep.scannet raw=raw out=store workers=1
python -m pointnc.train dataset.prepare=null dataset.store=store trainer.max_epochs=1 trainer.check_val_every_n_epoch=1 \
    trainer.accelerator=cpu workers=0 batch_size=1 'model.planes=[4,4]' 'model.layers=[1,1]' model.stem_channels=4 \
    dataset.voxel_size=0.2 logger=none regularizer=ceco_ema run_dir=run
