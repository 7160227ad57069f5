#!/bin/sh
# Builds bare.bin with Debian's gcc-aarch64-linux-gnu (12.2), and bare.map with its functions. Both are checked in: run this after a
# change of the source.
# usage: guests/bare/build.sh [OUTPUT.bin]
set -eu
cd "$(dirname "$0")"
output=${1:-bare.bin}
prefix=${CROSS_COMPILE:-aarch64-linux-gnu-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${prefix}gcc" -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-pic -fno-stack-protector \
  -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -fno-tree-loop-distribute-patterns -DMAX_VCPUS=16 \
  -Wl,--build-id=none -Wl,-T,bare.ld -Wl,--no-warn-rwx-segments -o "$work/bare.elf" \
  start.S console.c gic.c its.c main.c checks.c tlb.c stress.c race.c latency.c
"${prefix}objcopy" -O binary "$work/bare.elf" "$output"
"${prefix}nm" -n "$work/bare.elf" | grep ' [Tt] ' >"${output%.bin}.map"
