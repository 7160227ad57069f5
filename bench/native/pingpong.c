/*
 * What two threads of this host can do without Node: round trips of a turn passed to and fro
 *   spin    both threads spin on a word,
 *   futex   both sleep in futex(2), private,
 *   eventfd both sleep in read(2) of an eventfd(2) each.
 * Each thread has a core of its own, where there are two that it may use: put on one by the system, as it does at times,
 * threads that sleep wake each other ten times as fast, and what was measured would be chance. For the same reason the
 * ponger, once woken, waits until the pinger must be asleep; that time is taken off the trip.
 * Usage: pingpong [spin rounds] [park rounds]; prints one JSON object, times in ns. Linux only.
 *
 *   cc -O2 -pthread -o pingpong pingpong.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Odd is the ponger's turn, even the pinger's. On a cache line of its own. */
static alignas(64) _Atomic uint32_t turn;
static alignas(64) int bell[2];

enum way { SPIN, FUTEX, EVENTFD };
enum side { PING, PONG };

struct game {
	enum way way;
	uint32_t rounds;
};

static void die(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Keeps the calling thread on the first or the second core that this process may use. */
static void stay_on(enum side side)
{
	static cpu_set_t all;
	cpu_set_t one;
	int seen = 0;

	if (CPU_COUNT(&all) == 0 && sched_getaffinity(getpid(), sizeof(all), &all) != 0)
		die("sched_getaffinity");
	if (CPU_COUNT(&all) < 2)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || seen++ != (int)side)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (pthread_setaffinity_np(pthread_self(), sizeof(one), &one) != 0)
			die("pthread_setaffinity_np");
		return;
	}
}

/* How long a ponger that sleeps waits before it answers. */
#define REST_NS 30000u

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pass(enum way way, enum side to, uint32_t next)
{
	static const uint64_t one = 1;

	atomic_store(&turn, next);
	if (way == FUTEX)
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	else if (way == EVENTFD && write(bell[to], &one, sizeof(one)) != sizeof(one))
		die("write to an eventfd");
}

static void await(enum way way, enum side own, uint32_t wanted)
{
	uint64_t count;
	uint32_t seen;

	while ((seen = atomic_load(&turn)) != wanted) {
		if (way == FUTEX)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
		else if (way == EVENTFD)
			break;
	}
	/* An eventfd is read even if the turn has come already: it was rung once for this turn. */
	if (way == EVENTFD && read(bell[own], &count, sizeof(count)) != sizeof(count))
		die("read of an eventfd");
}

static void rest(enum way way)
{
	if (way == SPIN)
		return;
	for (uint64_t end = now_ns() + REST_NS; now_ns() < end;)
		;
}

static void *ponger(void *argument)
{
	const struct game *game = argument;

	stay_on(PONG);
	for (uint32_t round = 0; round < game->rounds; round++) {
		await(game->way, PONG, 2 * round + 1);
		rest(game->way);
		pass(game->way, PING, 2 * round + 2);
	}
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The value that `part` of all do not exceed. */
static uint64_t quantile(const uint64_t *sorted, uint32_t count, double part)
{
	uint32_t rank = (uint32_t)(part * count + 0.999999);

	if (rank < 1)
		rank = 1;
	return sorted[rank - 1];
}

static void play(const char *name, enum way way, uint32_t rounds)
{
	const uint32_t warm_up = rounds / 10;
	struct game game = { way, rounds + warm_up };
	uint64_t *trips = calloc(rounds, sizeof(*trips));
	uint64_t last, sum = 0;
	pthread_t thread;

	if (!trips)
		die("memory");
	atomic_store(&turn, 0);
	stay_on(PING);
	if (pthread_create(&thread, NULL, ponger, &game) != 0)
		die("a thread");
	last = now_ns();
	for (uint32_t round = 0; round < game.rounds; round++) {
		uint64_t now;

		pass(way, PONG, 2 * round + 1);
		await(way, PING, 2 * round + 2);
		now = now_ns();
		if (round >= warm_up)
			trips[round - warm_up] = now - last - (way == SPIN ? 0 : REST_NS);
		rest(way);
		last = way == SPIN ? now : now_ns();
	}
	pthread_join(thread, NULL);

	for (uint32_t i = 0; i < rounds; i++)
		sum += trips[i];
	qsort(trips, rounds, sizeof(*trips), ascending);
	printf("\"%s\":{\"rounds\":%" PRIu32 ",\"min\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64
	       ",\"max\":%" PRIu64 ",\"mean\":%.1f}",
	       name, rounds, trips[0], quantile(trips, rounds, 0.5), quantile(trips, rounds, 0.99),
	       trips[rounds - 1], (double)sum / rounds);
	free(trips);
}

static double clock_cost_ns(void)
{
	enum { READS = 1000000 };
	const uint64_t start = now_ns();
	uint64_t last = start;

	for (int i = 0; i < READS; i++)
		last = now_ns();
	return (double)(last - start) / READS;
}

static uint32_t rounds_from(const char *text)
{
	char *end;
	const unsigned long rounds = strtoul(text, &end, 10);

	if (*end != '\0' || rounds < 10 || rounds > 100000000) {
		fprintf(stderr, "pingpong: rounds are 10 to 100000000, not '%s'\n", text);
		exit(2);
	}
	return (uint32_t)rounds;
}

int main(int argc, char **argv)
{
	const uint32_t spins = argc > 1 ? rounds_from(argv[1]) : 200000;
	const uint32_t parks = argc > 2 ? rounds_from(argv[2]) : 20000;

	for (int side = PING; side <= PONG; side++) {
		bell[side] = eventfd(0, EFD_CLOEXEC);
		if (bell[side] < 0)
			die("eventfd");
	}
	printf("{\"clockNs\":%.1f,", clock_cost_ns());
	play("spinNs", SPIN, spins);
	putchar(',');
	play("futexNs", FUTEX, parks);
	putchar(',');
	play("eventfdNs", EVENTFD, parks);
	puts("}");
	return 0;
}
