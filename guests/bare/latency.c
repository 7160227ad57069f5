// How long a device's signal takes to the driver's handler: the entropy device, modern virtio on PCI, one request at a time.
// vCPU 0 sleeps and takes the LPI; vCPU 1 watches the used ring, which the device writes just before it signals. The same guest
// runs on irqloom and on QEMU (`-machine virt,gic-version=3,highmem=off -device virtio-rng-pci,disable-legacy=on`).
// virtio 1.2: 4.1 (PCI), 2.7 (split virtqueues), 5.4 (entropy device). PCI 3.0: 6.7 (capabilities), 6.8 (MSI-X).
#include "board.h"

#define ECAM 0x3f000000ul
#define PCI_WINDOW 0x10000000u
#define SLOTS 32u
#define VIRTIO_RNG 0x10441af4u
#define BARS 6u
#define COMMAND 0x04
#define COMMAND_MEMORY_AND_MASTER 6u
#define CAPABILITIES 0x34
#define CAPABILITY_VENDOR 0x09u
#define CAPABILITY_MSIX 0x11u
#define COMMON 1u
#define NOTIFY 2u

#define ROUNDS 2000u
#define EVENT 0u
#define LPI FIRST_LPI
#define QUEUE 4u
#define BYTES 8u
#define DEVICE_WRITES 2u

static struct {
  uint64_t address;
  uint32_t bytes;
  uint16_t flags, next;
} descriptors[QUEUE] __attribute__((aligned(16)));
static volatile struct {
  uint16_t flags, index, ring[QUEUE], event;
} available __attribute__((aligned(2)));
static volatile struct {
  uint16_t flags, index;
  struct {
    uint32_t id, bytes;
  } ring[QUEUE];
} used __attribute__((aligned(4)));
static uint8_t buffer[BYTES];

// When vCPU 1 saw a request's answer, and vCPU 0's handler began; 0: not yet.
static volatile uint64_t seen_at, handled_at;
static uint64_t from_signal[ROUNDS], from_request[ROUNDS];

static uintptr_t bars[BARS];

static uint64_t now(void) {
  isb();
  return SYSREG_READ("cntvct_el0");
}

// The first thing that the handler does.
void note_handler(void) {
  if (!handled_at) handled_at = now();
}

// The function's configuration space, or 0.
static uintptr_t find_device(unsigned *slot) {
  for (*slot = 1; *slot < SLOTS; (*slot)++)
    if (read32(ECAM + (*slot << 15)) == VIRTIO_RNG) return ECAM + (*slot << 15);
  return 0;
}

static void give_bars(uintptr_t config) {
  uint32_t next = PCI_WINDOW;
  for (unsigned n = 0; n < BARS; n++) {
    const uintptr_t at = config + 0x10 + 4 * n;
    write32(at, 0xffffffff);
    const uint32_t mask = read32(at);
    if (!mask || (mask & 1)) continue;
    const uint32_t bytes = ~(mask & ~15u) + 1;
    next = (next + bytes - 1) & ~(bytes - 1);
    write32(at, next);
    bars[n] = next;
    next += bytes;
    if ((mask & 6) == 4) write32(config + 0x10 + 4 * ++n, 0);
  }
  write32(config + COMMAND, COMMAND_MEMORY_AND_MASTER);
}

// The address of a virtio structure; of the notifications, with the multiplier of a queue's offset.
static uintptr_t structure(uintptr_t config, unsigned type) {
  for (unsigned at = read8(config + CAPABILITIES); at; at = read8(config + at + 1))
    if (read8(config + at) == CAPABILITY_VENDOR && read8(config + at + 3) == type)
      return bars[read8(config + at + 4)] + read32(config + at + 8);
  return 0;
}

static void route_vector(uintptr_t config, unsigned device) {
  its_map_device(device, 1);
  its_map_event(device, EVENT, LPI, 0);
  its_mask(device, EVENT, LPI, 0, 0, 1);
  for (unsigned at = read8(config + CAPABILITIES); at; at = read8(config + at + 1)) {
    if (read8(config + at) != CAPABILITY_MSIX) continue;
    const uint32_t table = read32(config + at + 4);
    const uintptr_t entry = bars[table & 7] + (table & ~7u);
    write32(config + at, read32(config + at) | 0x80000000);
    write32(entry, (uint32_t)(GITS + 0x10040));
    write32(entry + 4, 0);
    write32(entry + 8, EVENT);
    write32(entry + 12, 0);
  }
}

// Offsets are those of struct virtio_pci_common_cfg.
static void start_device(uintptr_t common) {
  write8(common + 0x14, 0);
  while (read8(common + 0x14)) {}
  write8(common + 0x14, 1 | 2);
  write32(common + 0x08, 1);
  write32(common + 0x0c, 1);
  write32(common + 0x08, 0);
  write32(common + 0x0c, 0);
  write8(common + 0x14, 1 | 2 | 8);
  *(volatile uint16_t *)(common + 0x16) = 0;
  *(volatile uint16_t *)(common + 0x18) = QUEUE;
  *(volatile uint16_t *)(common + 0x1a) = 0;
  const uint64_t rings[3] = {(uint64_t)descriptors, (uint64_t)&available, (uint64_t)&used};
  for (unsigned n = 0; n < 3; n++) {
    write32(common + 0x20 + 8 * n, (uint32_t)rings[n]);
    write32(common + 0x24 + 8 * n, (uint32_t)(rings[n] >> 32));
  }
  *(volatile uint16_t *)(common + 0x1c) = 1;
  write8(common + 0x14, 1 | 2 | 4 | 8);
}

static void sort(uint64_t *values, unsigned count) {
  for (unsigned n = 1; n < count; n++) {
    const uint64_t value = values[n];
    unsigned at = n;
    for (; at && values[at - 1] > value; at--) values[at] = values[at - 1];
    values[at] = value;
  }
}

static void report(const char *what, uint64_t *ticks, unsigned rounds) {
  const uint64_t frequency = SYSREG_READ("cntfrq_el0");
  sort(ticks, rounds);
  print(what);
  const unsigned at[3] = {0, rounds / 2, rounds * 99 / 100};
  for (unsigned n = 0; n < 3; n++) {
    print(" ");
    print_number(ticks[at[n]] * 1000000000ul / frequency);
  }
  print("\n");
}

_Noreturn void watch_latency(void) {
  for (uint16_t answered = 0;; answered++) {
    while (used.index == answered) {}
    seen_at = now();
  }
}

// `latency=N`: N requests, at most 2,000, behind N / 10 that are not counted. Prints ns: the least, the median and the 99th
// percentile.
void run_latency(unsigned vcpus) {
  unsigned slot;
  unsigned rounds = (unsigned)argument("latency", ROUNDS);
  if (rounds == 0 || rounds > ROUNDS) rounds = ROUNDS;
  const unsigned warm_up = rounds / 10;
  const uintptr_t config = find_device(&slot);
  if (!config || vcpus < 2 || !its_init(vcpus)) {
    print("guest: latency wants two vCPUs, an ITS and an entropy device\n");
    power_off(2);
  }
  give_bars(config);
  route_vector(config, slot << 3);
  const uintptr_t notify = structure(config, NOTIFY);
  start_device(structure(config, COMMON));
  for (unsigned round = 0; round < warm_up + rounds; round++) {
    descriptors[0].address = (uint64_t)buffer;
    descriptors[0].bytes = BYTES;
    descriptors[0].flags = DEVICE_WRITES;
    available.ring[round % QUEUE] = 0;
    seen_at = handled_at = 0;
    barrier();
    available.index = (uint16_t)(round + 1);
    barrier();
    const uint64_t start = now();
    *(volatile uint16_t *)notify = 0;
    interrupts_off();
    while (!handled_at) {
      wait_for_interrupt();
      interrupts_on();
      interrupts_off();
    }
    interrupts_on();
    while (!seen_at) {}
    if (round < warm_up) continue;
    from_request[round - warm_up] = handled_at - start;
    from_signal[round - warm_up] = handled_at > seen_at ? handled_at - seen_at : 0;
  }
  report("latency: signal to handler, ns:", from_signal, rounds);
  report("latency: request to handler, ns:", from_request, rounds);
}
