#!/bin/sh
# Builds the init of the Linux guest with Debian's gcc-aarch64-linux-gnu (12.2). The binary is checked in: run this after a change.
# usage: guests/linux/build.sh [OUTPUT]
set -eu
cd "$(dirname "$0")"
output=${1:-init}
"${CROSS_COMPILE:-aarch64-linux-gnu-}gcc" -std=gnu11 -Os -Wall -Wextra -Werror -ffreestanding -nostdlib -static -fno-pic -fno-stack-protector \
  -march=armv8-a -mgeneral-regs-only -mno-outline-atomics -fno-tree-loop-distribute-patterns -fno-builtin \
  -Wl,--build-id=none -Wl,-z,noexecstack -s -o "$output" init.c
