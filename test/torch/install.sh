#!/bin/sh
# Installs Debian's PyTorch where there is apt and root; elsewhere, says how. Tests that need it are skipped without it.
set -e
if ${PYTHON:-/usr/bin/python3} -c "import torch" 2>/dev/null; then exit 0; fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-torch
else
  echo "no PyTorch here: install it, and set PYTHON to the interpreter that has it"
fi
