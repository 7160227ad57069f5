// GICv3: distributor, redistributors, CPU interface by system registers. Names and offsets as in Arm IHI 0069.
#include "board.h"

#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISPENDR 0x0200
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000
#define GICD_CTLR_RWP (1u << 31)
#define GICD_CTLR_ENABLE (1u << 1)
#define GICD_CTLR_ARE (1u << 4)

#define GICR_CTLR 0x0000
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI 0x10000
#define GICR_TYPER_LAST (1u << 4)
#define GICR_CTLR_RWP (1u << 3)

#define PRIORITY 0xa0u

static uint32_t bit_of(unsigned intid) { return 1u << (intid % 32); }
static uintptr_t word_of(unsigned intid) { return intid / 32 * 4; }

unsigned find_vcpus(void) {
  unsigned vcpu = 0;
  while (!(read64(GICR + vcpu * GICR_STRIDE + GICR_TYPER) & GICR_TYPER_LAST)) vcpu++;
  return vcpu + 1;
}

// MPIDR of a vCPU: Aff3.Aff2.Aff1.Aff0 of GICR_TYPER, with Aff3 moved to where MPIDR has it.
uint64_t affinity_of(unsigned vcpu) {
  const uint64_t affinity = read64(GICR + vcpu * GICR_STRIDE + GICR_TYPER) >> 32;
  return (affinity & 0xffffff) | ((affinity >> 24) << 32);
}

static void distributor_settle(void) {
  while (read32(GICD + GICD_CTLR) & GICD_CTLR_RWP) pause_vcpu();
}

void gic_init(void) {
  const unsigned lines = ((read32(GICD + GICD_TYPER) & 31) + 1) * 32;
  write32(GICD + GICD_CTLR, 0);
  distributor_settle();
  for (unsigned intid = FIRST_SPI; intid < lines; intid += 32) {
    write32(GICD + GICD_ICENABLER + word_of(intid), ~0u);
    write32(GICD + GICD_IGROUPR + word_of(intid), ~0u);
  }
  for (unsigned intid = FIRST_SPI; intid < lines; intid += 4)
    write32(GICD + GICD_IPRIORITYR + intid, PRIORITY * 0x01010101u);
  distributor_settle();
  write32(GICD + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE);
  distributor_settle();
}

void gic_init_vcpu(unsigned vcpu) {
  const uintptr_t frame = GICR + vcpu * GICR_STRIDE;
  write32(frame + GICR_WAKER, read32(frame + GICR_WAKER) & ~2u);
  while (read32(frame + GICR_WAKER) & 4) pause_vcpu();
  write32(frame + GICR_SGI + GICD_ICENABLER, 0xffff0000u);
  write32(frame + GICR_SGI + GICD_IGROUPR, ~0u);
  for (unsigned intid = 0; intid < 32; intid += 4)
    write32(frame + GICR_SGI + GICD_IPRIORITYR + intid, PRIORITY * 0x01010101u);
  write32(frame + GICR_SGI + GICD_ISENABLER, 0xffffu | bit_of(TIMER_PPI));
  while (read32(frame + GICR_CTLR) & GICR_CTLR_RWP) pause_vcpu();
  SYSREG_WRITE("S3_0_C12_C12_5", 7);    // ICC_SRE_EL1
  isb();
  SYSREG_WRITE("S3_0_C4_C6_0", 0xf0);   // ICC_PMR_EL1
  SYSREG_WRITE("S3_0_C12_C12_4", 0);    // ICC_CTLR_EL1: EOImode 0
  SYSREG_WRITE("S3_0_C12_C12_7", 1);    // ICC_IGRPEN1_EL1
  isb();
}

void gic_send_sgi(unsigned vcpu, unsigned intid) {
  const uint64_t mpidr = affinity_of(vcpu);
  const uint64_t aff3 = (mpidr >> 32) & 0xff, aff2 = (mpidr >> 16) & 0xff, aff1 = (mpidr >> 8) & 0xff;
  const uint64_t aff0 = mpidr & 0xff;
  barrier();
  SYSREG_WRITE("S3_0_C12_C11_5", (aff3 << 48) | ((aff0 >> 4) << 44) | (aff2 << 32) | ((uint64_t)intid << 24) |
                                     (aff1 << 16) | (1u << (aff0 & 15)));  // ICC_SGI1R_EL1
  isb();
}

void gic_route_spi(unsigned intid, unsigned vcpu) { write64(GICD + GICD_IROUTER + 8ul * intid, affinity_of(vcpu)); }

void gic_set_spi_edge(unsigned intid) {
  const uintptr_t at = GICD + GICD_ICFGR + intid / 16 * 4;
  write32(at, read32(at) | (2u << (intid % 16 * 2)));
}

void gic_enable(unsigned intid, int on) {
  write32(GICD + (on ? GICD_ISENABLER : GICD_ICENABLER) + word_of(intid), bit_of(intid));
  distributor_settle();
}

void gic_pend_spi(unsigned intid) { write32(GICD + GICD_ISPENDR + word_of(intid), bit_of(intid)); }
