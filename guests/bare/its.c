// The ITS: tables, command queue, and the commands that a driver of MSIs needs. Names as in Arm IHI 0069.
#include "board.h"

#define GITS_CTLR 0x0000
#define GITS_TYPER 0x0008
#define GITS_CBASER 0x0080
#define GITS_CWRITER 0x0088
#define GITS_CREADR 0x0090
#define GITS_BASER 0x0100
#define GICR_CTLR 0x0000
#define GICR_TYPER 0x0008
#define GICR_PROPBASER 0x0070
#define GICR_PENDBASER 0x0078
#define GICR_CTLR_ENABLE_LPIS 1u

#define VALID (1ul << 63)
#define INNER_SHAREABLE (1ul << 10)
#define CACHEABLE (7ul << 7)
#define BASER_CACHEABLE (7ul << 59)
#define LPI_PRIORITY 0xa0u
#define LPI_GROUP1 2u
#define LPI_ENABLED 1u
#define ID_BITS 14u
#define DEVICES 64u
#define ITT_BYTES 4096u

static uint8_t queue[0x10000] __attribute__((aligned(0x10000)));
static uint8_t device_table[0x10000] __attribute__((aligned(0x10000)));
static uint8_t collection_table[0x10000] __attribute__((aligned(0x10000)));
static uint8_t pending[MAX_VCPUS_C][0x10000] __attribute__((aligned(0x10000)));
static volatile uint8_t configuration[1u << ID_BITS] __attribute__((aligned(0x10000)));
static uint8_t itts[DEVICES][ITT_BYTES] __attribute__((aligned(4096)));
static uint64_t targets[MAX_VCPUS_C];
static volatile int lock;

static void acquire(void) {
  while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) pause_vcpu();
}
static void release(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

// Puts a command into the queue and moves CWRITER; the ITS may carry it out later. With the lock held.
static void queue_command(uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
  const uint64_t at = read64(GITS + GITS_CWRITER) & 0xfffe0;
  const uint64_t next = (at + 32) % sizeof queue;
  while ((read64(GITS + GITS_CREADR) & 0xfffe0) == next) pause_vcpu();
  volatile uint64_t *command = (volatile uint64_t *)(queue + at);
  command[0] = w0;
  command[1] = w1;
  command[2] = w2;
  command[3] = w3;
  barrier();
  write64(GITS + GITS_CWRITER, next);
}

// Waits until the ITS has carried out everything in the queue. With the lock held.
static void wait_for_queue(void) {
  const uint64_t end = read64(GITS + GITS_CWRITER) & 0xfffe0;
  while ((read64(GITS + GITS_CREADR) & 0xfffe0) != end) pause_vcpu();
}

// SYNC: everything before it is visible to the redistributor of `vcpu`.
static void send(uint64_t w0, uint64_t w1, uint64_t w2, unsigned sync_vcpu, int sync) {
  acquire();
  queue_command(w0, w1, w2, 0);
  if (sync) {
    queue_command(0x05, 0, targets[sync_vcpu], 0);
    wait_for_queue();
  }
  release();
}

// Gives a table of the ITS 64 KiB, whatever page size the ITS takes.
static void give_table(unsigned n, uint8_t *table) {
  const uintptr_t baser = GITS + GITS_BASER + 8 * n;
  const uint64_t attributes = VALID | BASER_CACHEABLE | INNER_SHAREABLE | (uint64_t)table;
  write64(baser, attributes | (2ul << 8));
  const uint64_t page = (read64(baser) >> 8) & 3;
  const uint64_t pages = page == 2 ? 1 : page == 1 ? 4 : 16;
  write64(baser, attributes | (page << 8) | (pages - 1));
}

static void init_redistributor(unsigned vcpu) {
  const uintptr_t frame = GICR + vcpu * GICR_STRIDE;
  write64(frame + GICR_PROPBASER, (uint64_t)configuration | CACHEABLE | INNER_SHAREABLE | (ID_BITS - 1));
  write64(frame + GICR_PENDBASER, (uint64_t)pending[vcpu] | CACHEABLE | INNER_SHAREABLE | (1ul << 62));
  barrier();
  write32(frame + GICR_CTLR, read32(frame + GICR_CTLR) | GICR_CTLR_ENABLE_LPIS);
  barrier();
}

// Brings the ITS up and maps collection n to vCPU n. 0 where there is none.
int its_init(unsigned vcpus) {
  if (!(read64(GICR + GICR_TYPER) & 1)) return 0;
  for (unsigned lpi = 0; lpi < sizeof configuration; lpi++) configuration[lpi] = LPI_PRIORITY | LPI_GROUP1;
  for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) init_redistributor(vcpu);
  write32(GITS + GITS_CTLR, 0);
  for (unsigned n = 0; n < 8; n++) {
    const unsigned type = (read64(GITS + GITS_BASER + 8 * n) >> 56) & 7;
    if (type == 1) give_table(n, device_table);
    if (type == 4) give_table(n, collection_table);
  }
  write64(GITS + GITS_CBASER, VALID | BASER_CACHEABLE | INNER_SHAREABLE | (uint64_t)queue | (sizeof queue / 4096 - 1));
  write64(GITS + GITS_CWRITER, 0);
  write32(GITS + GITS_CTLR, 1);
  const int by_address = (read64(GITS + GITS_TYPER) >> 19) & 1;
  for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
    const uintptr_t frame = GICR + vcpu * GICR_STRIDE;
    const uint64_t number = (read64(frame + GICR_TYPER) >> 8) & 0xffff;
    targets[vcpu] = by_address ? frame : number << 16;
    send(0x09, 0, VALID | targets[vcpu] | vcpu, vcpu, 1);   // MAPC
    send(0x0d, 0, vcpu, vcpu, 1);                           // INVALL
  }
  return 1;
}

void its_map_device(unsigned device, unsigned event_bits) {
  send(0x08 | ((uint64_t)device << 32), event_bits - 1, VALID | (uint64_t)itts[(device >> 3) % DEVICES], 0, 1);
}

void its_map_event(unsigned device, unsigned event, unsigned lpi, unsigned vcpu) {
  send(0x0a | ((uint64_t)device << 32), event | ((uint64_t)lpi << 32), vcpu, vcpu, 1);
}

void its_discard(unsigned device, unsigned event) { send(0x0f | ((uint64_t)device << 32), event, 0, 0, 1); }
void its_raise(unsigned device, unsigned event) { send(0x03 | ((uint64_t)device << 32), event, 0, 0, 1); }
void its_clear(unsigned device, unsigned event) { send(0x04 | ((uint64_t)device << 32), event, 0, 0, 1); }

// MOVI; without `sync` it returns before the ITS has carried the command out, which is a fault of a driver.
void its_move(unsigned device, unsigned event, unsigned vcpu, int sync) {
  send(0x01 | ((uint64_t)device << 32), event, vcpu, vcpu, sync);
}

// MOVALL: the LPIs that are pending on `from` become pending on `to`.
void its_move_all(unsigned from, unsigned to) {
  acquire();
  queue_command(0x0e, 0, targets[from], targets[to]);
  queue_command(0x05, 0, targets[to], 0);
  wait_for_queue();
  release();
}

void its_invalidate(unsigned device, unsigned event, unsigned vcpu, int sync) {
  send(0x0c | ((uint64_t)device << 32), event, 0, vcpu, sync);
}

// Waits until the ITS has carried out all commands so far.
void its_settle(void) {
  acquire();
  wait_for_queue();
  release();
}

// Changes the LPI's byte of configuration. Without `invalidate`, the redistributor may keep what it has cached.
void its_mask(unsigned device, unsigned event, unsigned lpi, unsigned vcpu, int masked, int invalidate) {
  configuration[lpi - FIRST_LPI] = LPI_PRIORITY | LPI_GROUP1 | (masked ? 0 : LPI_ENABLED);
  barrier();
  if (invalidate) its_invalidate(device, event, vcpu, 1);
}
