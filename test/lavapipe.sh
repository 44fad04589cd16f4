#!/bin/sh
# Runs a command with lavapipe as WebGPU's adapter in Node: Mesa's Vulkan driver for processors, which has what SwiftShader
# lacks, above all f16. For Debian and its relatives: Mesa comes by apt, from the mirrors that the machine uses (on Debian 12 from
# its backports), into node_modules/.cache, unpacked and not installed, without root.
#
#   sh test/lavapipe.sh npm run test:node -- test/device/f16.test.ts
#
# Elsewhere, where there is a newer Mesa, naming its driver does the same:
#   VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.x86_64.json npm run test:node
set -eu
[ $# -gt 0 ] || { echo "usage: sh test/lavapipe.sh COMMAND…" >&2; exit 2; }
folder=$(cd "$(dirname "$0")/.." && pwd)/node_modules/.cache/tilegrad/lavapipe
libraries=$folder/root/usr/lib/$(uname -m)-linux-gnu

if [ ! -e "$folder/driver.json" ]; then
  rm -rf "$folder"
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial" "$folder/debs" "$folder/root"
  cd "$folder"
  # The machine's own sources, keys and mirrors. Where they are of Debian 12, whose Mesa is too old, its backports besides.
  mkdir sources
  for source in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    [ ! -s "$source" ] || cp "$source" sources/
  done
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$key" ] && signed="[signed-by=$key] " || signed=
  apt-get indextargets --format "deb $signed\$(SITE) bookworm-backports main" 'Codename: bookworm' 'Component: main' |
    sort -u | head -n 1 >sources/backports.list
  release=
  [ ! -s sources/backports.list ] || release=bookworm-backports
  # Lists and archives of its own: the machine's apt stays as it is.
  quiet() {
    "$@" -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/sources" -o Dir::Cache="$folder/apt/cache" \
      -o Dir::State::lists="$folder/apt/lists" -o APT::Sandbox::User="$(id -un)" ${release:+-t "$release"}
  }
  quiet apt-get update >&2
  packages=$(quiet apt-get install --simulate --no-install-recommends mesa-vulkan-drivers libvulkan1 |
    awk '/^Inst/ && !/-dev / { print $2 }')
  # What is installed in the right version already is not among them.
  [ -z "$packages" ] || (cd debs && quiet apt-get download $packages >&2)
  for package in debs/*.deb; do [ ! -e "$package" ] || dpkg -x "$package" root; done
  driver=$libraries/libvulkan_lvp.so
  [ -e "$driver" ] || driver=/usr/lib/$(uname -m)-linux-gnu/libvulkan_lvp.so
  [ -e "$driver" ] || { echo "test/lavapipe.sh: apt did not install lavapipe" >&2; exit 1; }
  printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.4.305"}}\n' \
    "$driver" >driver.json
  rm -rf apt debs
  cd - >/dev/null
fi

export VK_DRIVER_FILES="$folder/driver.json" VK_ICD_FILENAMES="$folder/driver.json"
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$@"
