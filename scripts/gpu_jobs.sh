#!/usr/bin/env bash
# Everything a GPU should do for us, in slices under ten minutes that resume.
#
#   OUT=results scripts/gpu_jobs.sh [STEP ...]     steps: info train sample  (all by default)
#
# A slice ends after SECONDS_LIMIT (default 540); run the same again and it goes on where it was. It needs torch,
# numpy, pandas, scipy, scikit-learn, pyyaml, safetensors, zarr, numcodecs and filelock; small files go to $OUT.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-gpu-results}
SECONDS_LIMIT=${SECONDS_LIMIT:-540}
PROFILE=${PROFILE:-gpu}
SOURCE=${SOURCE:-simulated}
DATA=${DATA:-}
PYTHON=${PYTHON:-python3}
mkdir -p "$OUT"
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" SOLARSYNTH_ROOT="$PWD"
export SOLARSYNTH_ARTIFACTS=${SOLARSYNTH_ARTIFACTS:-$PWD/artifacts}

cli() { timeout --signal=INT "$SECONDS_LIMIT" "$PYTHON" -m solarsynth.cli "$@" --profile "$PROFILE" --source "$SOURCE" --data "$DATA"; }

info() {
  "$PYTHON" - <<'PY' | tee "$OUT/device.json"
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name() if cuda else "CPU"}))
PY
}

train() {
  # 124 and 130 say that the slice is over, not that it failed.
  cli train discrete 2>&1 | tee -a "$OUT/train.log" || case $? in 124 | 130) echo "slice over, run again" ;; *) exit 1 ;; esac
  find "$SOLARSYNTH_ARTIFACTS/model" -name 'training.csv' -o -name 'model.json' -o -name 'model.safetensors' \
    | while read -r file; do cp "$file" "$OUT/$(basename "$(dirname "$file")")-$(basename "$file")"; done
}

sample() {
  for class in A B C M X; do
    cli sample "$class" 64 --out "$OUT/samples-$class.npz" 2>&1 | tee -a "$OUT/sample.log" || true
  done
}

for step in "${@:-info train sample}"; do for one in $step; do "$one"; done; done
