#!/bin/sh
# fetch_models.sh FOLDER [cosyvoice2] [cosyvoice3] [mms]: put models where the profiles expect them.
set -eu

folder=$1
shift
for model in "$@"; do
  case "$model" in
    cosyvoice2) cosyvoice-mms models download cosyvoice2 --to "$folder/CosyVoice2-0.5B" ;;
    cosyvoice3) cosyvoice-mms models download cosyvoice3 --to "$folder/Fun-CosyVoice3-0.5B-2512" ;;
    mms) cosyvoice-mms models download mms-zlm --to "$folder/mms-tts-zlm" ;;
    *) echo "model $model: use cosyvoice2, cosyvoice3 or mms" >&2; exit 1 ;;
  esac
done
