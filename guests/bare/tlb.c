// TLB maintenance: a page is unmapped while the other vCPUs store to it. Once the DSB behind the TLBI is over, no store by the
// old translation may arrive. `nodsb` leaves the DSB out, which is wrong.
#include "board.h"

#define WINDOW 0xc0000000ul  // behind the flat map: entry 3 of level 1
#define TABLE 3ul
#define PAGE 0x60000000000707ul  // attribute 1, inner shareable, AF, UXN and PXN
#define STORE_SGI 1u
#define ROUNDS 64u
#define LOOKS 300u
#define DATA_ABORT 0x25u
// Two words of RAM whose pages take each other's place in a TLB of 4 MiB: to read both in turns is slow, so that a vCPU that
// may use an old translation for some instructions more does so for longer.
#define SLOW 0x40001000ul
#define SLOW_TOO 0x40401000ul

extern uint64_t level1[512];
static uint64_t level2[512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096)));
static volatile uint64_t page[512] __attribute__((aligned(4096)));
static volatile uint32_t wanted, storing;

// Stores to its own place of the page for as long as it is wanted. A store that faults is left out.
static void store_on(unsigned vcpu) {
  volatile uint64_t *const place = (volatile uint64_t *)WINDOW + vcpu;
  uint64_t value = 0;
  __atomic_fetch_add(&storing, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE))
    for (unsigned store = 0; store < 64; store++) {
      *place = ++value;
      read32(SLOW);
      read32(SLOW_TOO);
    }
  __atomic_fetch_sub(&storing, 1, __ATOMIC_RELEASE);
}

// What a vCPU beside the first does for ever. Masked, an SGI that comes behind the look keeps WFI from sleeping.
_Noreturn void serve_stores(unsigned vcpu) {
  for (;;) {
    interrupts_off();
    if (!__atomic_load_n(&wanted, __ATOMIC_ACQUIRE)) wait_for_interrupt();
    interrupts_on();
    if (__atomic_load_n(&wanted, __ATOMIC_ACQUIRE)) store_on(vcpu);
  }
}

int is_expected_fault(uint64_t esr, uint64_t far) {
  return esr >> 26 == DATA_ABORT && far >= WINDOW && far < WINDOW + sizeof page;
}

static uint64_t sum(unsigned vcpus) {
  uint64_t all = 0;
  for (unsigned vcpu = 1; vcpu < vcpus; vcpu++) all += page[vcpu];
  return all;
}

static void unmap(void) {
  __atomic_store_n(&level3[0], 0, __ATOMIC_RELAXED);
  barrier();
  __asm__ volatile("tlbi vae1is, %0" : : "r"(WINDOW >> 12) : "memory");
  if (flag("nodsb")) __asm__ volatile("dmb ish" : : : "memory");
  else __asm__ volatile("dsb ish" : : : "memory");
}

static void map(void) {
  __atomic_store_n(&level3[0], (uint64_t)page | PAGE, __ATOMIC_RELAXED);
  barrier();
}

int unmapped_is_unmapped(unsigned vcpus) {
  int holds = 1;
  level1[3] = (uint64_t)level2 | TABLE;
  level2[0] = (uint64_t)level3 | TABLE;
  map();
  isb();
  __atomic_store_n(&wanted, 1, __ATOMIC_RELEASE);
  for (unsigned vcpu = 1; vcpu < vcpus; vcpu++) gic_send_sgi(vcpu, STORE_SGI);
  while (__atomic_load_n(&storing, __ATOMIC_ACQUIRE) != vcpus - 1) pause_vcpu();
  for (unsigned round = 0; round < ROUNDS; round++) {
    const uint64_t old = sum(vcpus);
    while (sum(vcpus) == old) pause_vcpu();
    unmap();
    const uint64_t last = sum(vcpus);
    for (unsigned look = 0; look < LOOKS; look++) holds &= sum(vcpus) == last;
    map();
  }
  __atomic_store_n(&wanted, 0, __ATOMIC_RELEASE);
  while (__atomic_load_n(&storing, __ATOMIC_ACQUIRE) != 0) pause_vcpu();
  return holds;
}
