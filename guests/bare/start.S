// Entry, exception vectors and the PSCI conduit of the bare-metal guest.
// The file starts with the header of a Linux Image, so any loader of arm64 kernels can start it: x0 = device tree, MMU off, EL1.

        .section .head, "ax"
        .global _start
_start:
        b       primary
        .long   0
        .quad   0x80000                 // text_offset: the guest is linked to run at RAM base + 512 KiB
        .quad   _end - _start           // image_size: .bss included, so that a loader keeps its hands off
        .quad   0                       // flags: little endian
        .quad   0, 0, 0
        .ascii  "ARM\x64"
        .long   0

primary:
        mov     x19, x0
        adrp    x0, __bss_start
        add     x0, x0, :lo12:__bss_start
        adrp    x1, __bss_end
        add     x1, x1, :lo12:__bss_end
1:      cmp     x0, x1
        b.hs    2f
        stp     xzr, xzr, [x0], #16
        b       1b
2:      mov     x20, #0                 // this vCPU's number
        bl      setup_vcpu
        mov     x0, x19
        bl      boot_vcpu
        b       .

        // CPU_ON starts a vCPU here: x0 = its number, MMU off.
        .global secondary
secondary:
        mov     x20, x0
        bl      setup_vcpu
        mov     x0, x20
        bl      secondary_vcpu
        b       .

// x20 = number of this vCPU. Sets its stack, vectors and TPIDR_EL1, and turns on the MMU with the flat map.
setup_vcpu:
        mov     x21, x30
        adrp    x0, stacks
        add     x0, x0, :lo12:stacks
        add     x1, x20, #1
        add     x0, x0, x1, lsl #14     // 16 KiB each
        mov     sp, x0
        msr     tpidr_el1, x20
        adrp    x0, vectors
        add     x0, x0, :lo12:vectors
        msr     vbar_el1, x0
        adrp    x0, level1
        add     x0, x0, :lo12:level1
        msr     ttbr0_el1, x0
        ldr     x0, =0xff04             // attribute 0: Device-nGnRE; attribute 1: Normal, write-back
        msr     mair_el1, x0
        ldr     x0, =0x200803519        // T0SZ 25 (39 bits, from level 1), 4 KiB, inner shareable, write-back, EPD1, 40 bits of address
        msr     tcr_el1, x0
        isb
        tlbi    vmalle1
        dsb     nsh
        isb
        ldr     x0, =0x30d0180d         // SCTLR: RES1 bits, I, SA, C, M
        msr     sctlr_el1, x0
        isb
        mov     x30, x21
        ret

// unsigned long hvc(function, a, b, c): a PSCI call.
        .text
        .global hvc
hvc:    hvc     #0
        ret

// void semihost(operation, block)
        .global semihost
semihost:
        hlt     #0xf000
        ret

        .macro  save_frame
        sub     sp, sp, #272
        stp     x0, x1, [sp, #0]
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x19, [sp, #144]
        stp     x20, x21, [sp, #160]
        stp     x22, x23, [sp, #176]
        stp     x24, x25, [sp, #192]
        stp     x26, x27, [sp, #208]
        stp     x28, x29, [sp, #224]
        mrs     x0, elr_el1
        mrs     x1, spsr_el1
        stp     x30, x0, [sp, #240]
        str     x1, [sp, #256]
        .endm

        .macro  entry target
        .balign 128
        b       \target
        .endm

        .balign 2048
vectors:
        entry   unexpected              // current EL with SP_EL0: four that this guest never takes
        entry   unexpected
        entry   unexpected
        entry   unexpected
        entry   sync                    // current EL with SP_ELx: synchronous
        entry   irq
        entry   unexpected              // FIQ
        entry   unexpected              // SError
        .rept   8                       // lower EL: this guest has none
        entry   unexpected
        .endr

irq:
        save_frame
        bl      take_interrupt
leave:  ldp     x30, x0, [sp, #240]
        ldr     x1, [sp, #256]
        msr     elr_el1, x0
        msr     spsr_el1, x1
        ldp     x2, x3, [sp, #16]
        ldp     x4, x5, [sp, #32]
        ldp     x6, x7, [sp, #48]
        ldp     x8, x9, [sp, #64]
        ldp     x10, x11, [sp, #80]
        ldp     x12, x13, [sp, #96]
        ldp     x14, x15, [sp, #112]
        ldp     x16, x17, [sp, #128]
        ldp     x18, x19, [sp, #144]
        ldp     x20, x21, [sp, #160]
        ldp     x22, x23, [sp, #176]
        ldp     x24, x25, [sp, #192]
        ldp     x26, x27, [sp, #208]
        ldp     x28, x29, [sp, #224]
        ldp     x0, x1, [sp, #0]
        add     sp, sp, #272
        eret

sync:
        save_frame
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      take_synchronous
        str     x0, [sp, #248]
        b       leave

unexpected:
        save_frame
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      take_exception
        b       .

        .section .bss
        .balign 16
stacks: .skip   MAX_VCPUS << 14

        .section .data
        // The flat map: the first GiB is devices, the second and third are RAM.
        .balign 4096
        .global level1
level1:
        .quad   0x00000000 + 0x60000000000401   // block, attribute 0, AF, UXN and PXN
        .quad   0x40000000 + 0x705              // block, attribute 1, inner shareable, AF
        .quad   0x80000000 + 0x705
        .skip   4096 - 3 * 8
