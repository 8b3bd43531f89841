#!/usr/bin/env bash
# All work that a GPU speeds up, in slices of less than ten minutes that can be continued.
#
#   OUT=results scripts/gpu_jobs.sh [STEP ...]     steps: info bench train sample weights  (all by default)
#
# A slice ends after SECONDS_LIMIT (default 540) and exits with 75. Run the same command again and it goes on where it
# was; it exits with 0 when all is done. It needs torch, timm, numpy, attrs, pyyaml, filelock, tqdm and safetensors. It
# also needs DATA, the labelled set in one file, which is made on a machine with the whole environment:
#
#   solarsynth dataset --profile gpu --out gpu-set.npz
#
# Weights larger than 15 MB come in parts: cat discrete-half.safetensors.* > discrete-half.safetensors joins them.
#
# PROFILE (default gpu), SETTINGS ("train_images=200000 base_width=32") and COMPILE=1 choose the run; the results, all
# small files, go to OUT.
set -uo pipefail
cd "$(dirname "$0")/.."
export OUT=${OUT:-gpu-results} PROFILE=${PROFILE:-gpu} DATA=${DATA:-gpu-set.npz}
export SETTINGS=${SETTINGS:-} COMPILE=${COMPILE:-}
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" SOLARSYNTH_ROOT="$PWD"
export SOLARSYNTH_ARTIFACTS=${SOLARSYNTH_ARTIFACTS:-$PWD/artifacts}
PYTHON=${PYTHON:-python3}
END=$((SECONDS + ${SECONDS_LIMIT:-540}))
mkdir -p "$OUT"

limited() { # run a command for the rest of the slice; exits with 124 or 130 if the slice is over
  local left=$((END - SECONDS))
  [ "$left" -gt 5 ] || return 124
  timeout --signal=INT --kill-after=20 "$left" "$@" 2>&1 | tee -a "$OUT/jobs.log"
  return "${PIPESTATUS[0]}"
}

step() {
  case $1 in
    bench)
      for name in train_step sampling; do
        [ -s "$OUT/$name.json" ] && continue
        local options=()
        [ "$name" = train_step ] && [ "$COMPILE" = 1 ] && options=(--compile)
        limited "$PYTHON" "benchmarks/$name.py" "${options[@]}" >"$OUT/$name.log"
        local code=$?
        [ "$code" -eq 0 ] || return "$code"
        tail -n 1 "$OUT/$name.log" | tee "$OUT/$name.json"
      done ;;
    info | train | sample | weights) limited "$PYTHON" scripts/gpu_jobs.py "$1" ;;
    *) echo "gpu_jobs: no step '$1'; steps: info bench train sample weights" >&2; return 2 ;;
  esac
}

[ $# -gt 0 ] || set -- info bench train sample weights
for one in "$@"; do
  step "$one"
  code=$?
  # 137 is a kill: by the slice's end or, before it, for want of memory.
  case $code in
    0) continue ;;
    137) [ "$SECONDS" -ge "$END" ] || exit "$code" ;;
    124 | 130) ;;
    *) exit "$code" ;;
  esac
  echo "slice over in step '$one': run the same again to go on"
  exit 75
done
