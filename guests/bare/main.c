// Boot, the interrupt handler, and the command line: `checks` (the default), `stress`, `latency` or `race=`.
#include "board.h"

#define PSCI_CPU_ON 0xc4000003ul
#define FDT_MAGIC 0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u

extern char secondary[];
struct counts counts;
volatile int stressing;
volatile int timing;
volatile uint32_t handlers[MAX_VCPUS_C];
static const char *arguments = "";
static volatile uint32_t online = 1;
static unsigned vcpus;

static uint32_t big_endian(const void *at) { return __builtin_bswap32(*(const volatile uint32_t *)at); }
static int is_same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

// `bootargs` of the device tree: the first property of that name, which is /chosen's.
static const char *find_arguments(const uint8_t *tree) {
  if (big_endian(tree) != FDT_MAGIC) return "";
  const uint8_t *at = tree + big_endian(tree + 8);
  const char *strings = (const char *)tree + big_endian(tree + 12);
  for (;;) {
    const uint32_t token = big_endian(at);
    at += 4;
    if (token == FDT_BEGIN_NODE) {
      while (*at) at++;
      at = (const uint8_t *)(((uintptr_t)at + 4) & ~3ul);
    } else if (token == FDT_PROP) {
      const uint32_t bytes = big_endian(at);
      if (is_same(strings + big_endian(at + 4), "bootargs")) return (const char *)at + 8;
      at += 8 + ((bytes + 3) & ~3u);
    } else if (token != FDT_END_NODE && token != FDT_NOP) {
      return "";
    }
  }
}

// The text after `name`, where the command line has that word; after it comes a space, '=' or the end.
static const char *find_word(const char *name) {
  for (const char *at = arguments; *at; at++) {
    if (at != arguments && at[-1] != ' ') continue;
    const char *word = at, *wanted = name;
    while (*wanted && *word == *wanted) word++, wanted++;
    if (!*wanted && (*word == 0 || *word == ' ' || *word == '=')) return word;
  }
  return 0;
}

int flag(const char *name) { return find_word(name) != 0; }

uint64_t argument(const char *name, uint64_t otherwise) {
  const char *at = find_word(name);
  if (!at || *at != '=') return otherwise;
  uint64_t value = 0;
  for (at++; *at >= '0' && *at <= '9'; at++) value = value * 10 + (uint64_t)(*at - '0');
  return value;
}

int argument_is(const char *name, const char *value) {
  const char *at = find_word(name);
  if (!at || *at != '=') return 0;
  for (at++; *value; at++, value++)
    if (*at != *value) return 0;
  return *at == 0 || *at == ' ';
}

static void count(unsigned vcpu, unsigned intid) {
  if (intid < FIRST_SPI) {
    counts.local[vcpu][intid]++;
  } else if (intid < FIRST_SPI + COUNTED_SPIS) {
    counts.spi_vcpu[intid - FIRST_SPI] = (uint8_t)vcpu;
    __atomic_fetch_add(&counts.spis[intid - FIRST_SPI], 1, __ATOMIC_RELEASE);
  } else if (intid >= FIRST_LPI && intid < FIRST_LPI + COUNTED_LPIS) {
    counts.lpi_vcpu[intid - FIRST_LPI] = (uint8_t)vcpu;
    __atomic_fetch_add(&counts.lpis[intid - FIRST_LPI], 1, __ATOMIC_RELEASE);
  }
}

// The IRQ vector: takes one interrupt. The proof wants its epoch from before the acknowledge.
void take_interrupt(void) {
  const unsigned vcpu = this_vcpu();
  handlers[vcpu]++;
  if (timing) note_handler();
  const uint64_t epoch = stressing ? read64(PROOF) : 0;
  const unsigned intid = (unsigned)SYSREG_READ("S3_0_C12_C12_0");  // ICC_IAR1_EL1
  if (intid == SPURIOUS) {
    handlers[vcpu]++;
    return;
  }
  barrier();
  if (intid == TIMER_PPI) SYSREG_WRITE("cntv_ctl_el0", 0);
  if (stressing && intid >= FIRST_SPI) write64(PROOF + 8, (epoch << 32) | intid);
  count(vcpu, intid);
  SYSREG_WRITE("S3_0_C12_C12_1", intid);  // ICC_EOIR1_EL1
  isb();
  handlers[vcpu]++;
}

_Noreturn void take_exception(uint64_t esr, uint64_t elr, uint64_t far) {
  print("guest: unexpected exception, esr ");
  print_hex(esr);
  print(" elr ");
  print_hex(elr);
  print(" far ");
  print_hex(far);
  print("\n");
  power_off(2);
}

// A synchronous exception. Returns where the guest goes on: behind a store that the check of TLB maintenance lets fault.
uint64_t take_synchronous(uint64_t esr, uint64_t elr, uint64_t far) {
  if (is_expected_fault(esr, far)) return elr + 4;
  take_exception(esr, elr, far);
}

_Noreturn void secondary_vcpu(unsigned vcpu) {
  gic_init_vcpu(vcpu);
  __atomic_fetch_add(&online, 1, __ATOMIC_RELEASE);
  interrupts_on();
  if (flag("race")) run_race_worker(vcpu);
  if (flag("latency")) watch_latency();
  serve_stores(vcpu);
}

_Noreturn void boot_vcpu(const uint8_t *tree) {
  arguments = find_arguments(tree);
  vcpus = find_vcpus();
  if (vcpus > MAX_VCPUS_C) vcpus = MAX_VCPUS_C;
  print("guest: bare, ");
  print_number(vcpus);
  print(" vCPUs, counts at ");
  print_hex((uint64_t)&counts);
  print("\n");
  gic_init();
  gic_init_vcpu(0);
  set_up_race();
  for (unsigned vcpu = 1; vcpu < vcpus; vcpu++) {
    if (hvc(PSCI_CPU_ON, affinity_of(vcpu), (unsigned long)secondary, vcpu) != 0) {
      print("guest: CPU_ON failed\n");
      power_off(2);
    }
    while (__atomic_load_n(&online, __ATOMIC_ACQUIRE) != vcpu + 1) pause_vcpu();
  }
  timing = flag("latency");
  interrupts_on();
  if (flag("race")) run_race(vcpus);
  if (flag("stress")) run_stress(vcpus);
  else if (flag("latency")) run_latency(vcpus);
  else run_checks(vcpus);
  power_off(0);
}
