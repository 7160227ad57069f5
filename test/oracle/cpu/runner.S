// Runs cases on a bare machine, ours or QEMU's: each case is a record of registers, SIMD registers and data, and up to 15
// instructions in a page of their own. The runner loads the record, goes to EL1t or EL0t, and stores what the exception
// at the end has left into the same record. Started at EL1 with the MMU off.
// The first 2 MiB of RAM are for QEMU's device tree.
//
//   0x40200000  runner and tables       EL1 only
//   0x40300000  header: number of cases, SCTLR_EL1, CPACR_EL1, TCR_EL1, TTBR1_EL1 (8 bytes each)
//   0x40400000  instructions, 64 bytes a case: the first is a BRK, the program is behind it   read-only, executable
//   0x40600000  records, 2048 bytes a case                                                    read-write, never executed
//
// Record: X0-X30, SP (0), PSTATE to start with (256), FPSR (264), FPCR (272), ELR (280), SPSR (288), ESR (296), FAR (304),
// V0-V31 (512), data (1024).
        .set    HEADER, 0x40300000
        .set    CODE, 0x40400000
        .set    RECORDS, 0x40600000
        .set    RECORD, 2048
        .globl  _start
        .arch   armv8-a+fp+simd
        .text
_start: adr     x0, vectors
        msr     vbar_el1, x0
        // Random blocks may lead to the first 2 MiB: no device tree there.
        mov     x0, #0x40000000
        mov     x1, #0x40200000
1:      stp     xzr, xzr, [x0], #16
        cmp     x0, x1
        b.ne    1b
        ldr     x0, =0xff
        msr     mair_el1, x0
        ldr     x1, =HEADER
        ldr     x0, [x1, #24]
        msr     tcr_el1, x0
        ldr     x0, [x1, #32]
        msr     ttbr1_el1, x0
        adr     x0, level1
        msr     ttbr0_el1, x0
        ldr     x2, [x1, #8]
        ldr     x3, [x1, #16]
        msr     cpacr_el1, x3
        isb
        tlbi    vmalle1
        dsb     sy
        msr     sctlr_el1, x2
        isb
        msr     spsel, #1
        ldr     x0, =RECORDS
        mov     sp, x0

next:   ldr     x0, =RECORDS
        ldr     x1, =HEADER
        ldr     x1, [x1]
        mov     x2, sp
        sub     x2, x2, x0
        cmp     x1, x2, lsr #11
        b.eq    done
        // address of the program: behind the BRK of the case's 64 bytes
        ldr     x0, =CODE + 4
        add     x0, x0, x2, lsr #5
        msr     elr_el1, x0
        ldr     x0, [sp, #256]
        msr     spsr_el1, x0
        msr     far_el1, xzr
        mrs     x3, cpacr_el1
        mov     x4, #0x300000
        msr     cpacr_el1, x4
        isb
        // A case may have written to its neighbour's record: only bits that are the same everywhere.
        ldr     x0, [sp, #264]
        ldr     x1, =0x0800009f
        and     x0, x0, x1
        msr     fpsr, x0
        ldr     x0, [sp, #272]
        ldr     x1, =0x07c00000
        and     x0, x0, x1
        msr     fpcr, x0
        add     x0, sp, #512
        ldp     q0, q1, [x0]
        ldp     q2, q3, [x0, #32]
        ldp     q4, q5, [x0, #64]
        ldp     q6, q7, [x0, #96]
        ldp     q8, q9, [x0, #128]
        ldp     q10, q11, [x0, #160]
        ldp     q12, q13, [x0, #192]
        ldp     q14, q15, [x0, #224]
        ldp     q16, q17, [x0, #256]
        ldp     q18, q19, [x0, #288]
        ldp     q20, q21, [x0, #320]
        ldp     q22, q23, [x0, #352]
        ldp     q24, q25, [x0, #384]
        ldp     q26, q27, [x0, #416]
        ldp     q28, q29, [x0, #448]
        ldp     q30, q31, [x0, #480]
        msr     cpacr_el1, x3
        ldr     x0, [sp, #248]
        msr     sp_el0, x0
        clrex
        isb
        ldp     x0, x1, [sp]
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
        ldr     x30, [sp, #240]
        eret

taken:  stp     x0, x1, [sp]
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
        str     x30, [sp, #240]
        mrs     x0, sp_el0
        str     x0, [sp, #248]
        mrs     x0, elr_el1
        str     x0, [sp, #280]
        mrs     x0, spsr_el1
        str     x0, [sp, #288]
        mrs     x0, esr_el1
        str     x0, [sp, #296]
        mrs     x0, far_el1
        str     x0, [sp, #304]
        mrs     x3, cpacr_el1
        mov     x4, #0x300000
        msr     cpacr_el1, x4
        isb
        mrs     x0, fpsr
        str     x0, [sp, #264]
        mrs     x0, fpcr
        str     x0, [sp, #272]
        msr     fpcr, xzr
        add     x0, sp, #512
        stp     q0, q1, [x0]
        stp     q2, q3, [x0, #32]
        stp     q4, q5, [x0, #64]
        stp     q6, q7, [x0, #96]
        stp     q8, q9, [x0, #128]
        stp     q10, q11, [x0, #160]
        stp     q12, q13, [x0, #192]
        stp     q14, q15, [x0, #224]
        stp     q16, q17, [x0, #256]
        stp     q18, q19, [x0, #288]
        stp     q20, q21, [x0, #320]
        stp     q22, q23, [x0, #352]
        stp     q24, q25, [x0, #384]
        stp     q26, q27, [x0, #416]
        stp     q28, q29, [x0, #448]
        stp     q30, q31, [x0, #480]
        msr     cpacr_el1, x3
        isb
        add     sp, sp, #RECORD
        b       next

done:   // semihosting SYS_EXIT: ADP_Stopped_ApplicationExit, status 0
        ldr     x1, =HEADER + 64
        ldr     x0, =0x20026
        stp     x0, xzr, [x1]
        mov     x0, #0x18
        hlt     #0xf000
        b       .

        .align  11
vectors:
        .rept   16
        .align  7
        b       taken
        .endr

        .ltorg
        .align  12
level1: .quad   0
        .quad   0x40202003
        .fill   510, 8, 0
        .align  12
        // 2 MiB blocks. AF, inner shareable, attribute 0; the tables are at fixed places: see the linker's -Ttext.
level2: .quad   0
        .quad   0x40200701 | (1 << 54)
        .quad   0x40400701 | (3 << 6)
        .set    block, 0x40600000
        .rept   32
        .quad   block | 0x741 | (1 << 54) | (1 << 53)
        .set    block, block + 0x200000
        .endr
        .fill   477, 8, 0
