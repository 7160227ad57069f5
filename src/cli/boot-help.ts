/** The text of `irqloom boot` without a kernel. */
export function bootHelp(): string {
  return `irqloom boot runs an unmodified arm64 kernel. irqloom brings no kernel; here is where a kernel comes from.

A guest of our own, which checks the interrupt controller and powers off:
  npx irqloom boot guests/bare/bare.bin --vcpus 4        (in a checkout of the repository)

Debian's kernel, on any Debian or Ubuntu, without installing it:
  sudo dpkg --add-architecture arm64 && sudo apt-get update
  apt-get download "$(apt-cache depends linux-image-cloud-arm64:arm64 | sed -n 's/.*Depends: //p' | head -1)"
  dpkg-deb -x linux-image-*.deb kernel
  npx irqloom boot kernel/boot/vmlinuz-* --append "console=ttyAMA0 cryptomgr.notests=1" --initrd own.cpio

Any other kernel: arch/arm64/boot/Image of a build, also Image.gz; an ELF file that is linked for 0x40080000; a flat
binary, which is put there (kvm-unit-tests: --append has a test's arguments).

An initial RAM disk is a cpio archive: (cd root && find . | cpio -o -H newc) > own.cpio

irqloom boot --help lists the options.
`;
}
