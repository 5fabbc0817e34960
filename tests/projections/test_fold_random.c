/* SPDX-License-Identifier: MIT
 * Random schedules: workers come, go, hang and wake up, the broker goes away, appends fail, commits
 * go unanswered, ends of transactions are lost, topics are compacted, while events arrive. Whatever
 * happened, the snapshots are in the end those of one undisturbed run, to the byte. The seed of a
 * failure is printed; STELE_SEED runs that one. */
#include "bank.h"

#include "kafka/partitioner.h"

#include <inttypes.h>

enum { PARTITIONS = 3, TELLERS = 3, STEPS = 400, RUNS = 8, IDS = 12 };

typedef struct play {
    bank *of;
    uint64_t random;
    teller tellers[TELLERS];
    bool open[TELLERS];
    bool hangs[TELLERS];
    bool eager;
    bool forgetful; /* the broker: each time costs a second of waiting */
    bool closed[PARTITIONS][IDS * 100];
    int generation; /* ids are of a generation, so that there are new ones after many closed */
} play;

static uint32_t next(play *self, uint32_t below)
{
    /* xorshift64*, as good as is needed here */
    self->random ^= self->random >> 12;
    self->random ^= self->random << 25;
    self->random ^= self->random >> 27;
    return (uint32_t)((self->random * UINT64_C(2685821657736338717)) >> 33) % below;
}

static void append_some(play *self)
{
    for (uint32_t i = next(self, 8); i > 0; i--) {
        uint32_t number = (uint32_t)self->generation * IDS / 4 + next(self, IDS);
        char id[24];
        char memo[8];
        snprintf(id, sizeof id, "a%u", number);
        int32_t partition = stele_log_partition_of(stele_text(id), PARTITIONS);
        if (self->closed[partition][number]) continue;
        snprintf(memo, sizeof memo, "m%u", next(self, 4));
        uint32_t kind = next(self, 20);
        if (kind < 2) {
            bank_close(self->of, partition, id);
            self->closed[partition][number] = true;
            self->generation++;
        } else if (kind < 4) {
            bank_name(self->of, partition, id, memo);
        } else if (kind < 6) {
            bank_note(self->of, partition, id);
        } else {
            bank_deposit(self->of, partition, id, (int64_t)next(self, 1000) - 300, memo);
        }
    }
}

static void open_one(play *self, uint32_t which)
{
    if (self->open[which]) return;
    self->tellers[which] =
        teller_open(self->of, (teller_options){.snapshot_events = 1 + next(self, 30),
                                               .snapshot_interval_ms = 1 + (int)next(self, 500),
                                               .transaction_snapshots = 1 + next(self, 3),
                                               .eager = self->eager});
    self->open[which] = true;
    self->hangs[which] = false;
}

static void close_one(play *self, uint32_t which)
{
    if (!self->open[which]) return;
    teller_close(&self->tellers[which]);
    self->open[which] = false;
}

static void turn_one(play *self, uint32_t which)
{
    if (!self->open[which] || self->hangs[which]) return;
    for (uint32_t i = next(self, 6); i > 0; i--)
        teller_turn(&self->tellers[which]);
}

/* Stopped for longer than its session, as by SIGSTOP, while the others go on. */
static void hang_one(play *self, uint32_t which)
{
    if (!self->open[which]) return;
    self->hangs[which] = !self->hangs[which];
    if (!self->hangs[which]) return;
    for (int i = 0; i < 8; i++) {
        stele_manual_clock_advance(&self->of->time, 1000);
        for (uint32_t other = 0; other < TELLERS; other++) {
            if (self->open[other] && !self->hangs[other]) teller_turn(&self->tellers[other]);
        }
    }
}

static void step(play *self)
{
    uint32_t which = next(self, TELLERS);
    uint32_t what = next(self, 100);
    if (what < 30) {
        append_some(self);
    } else if (what < 85) {
        turn_one(self, which);
    } else if (what < 89) {
        open_one(self, which);
    } else if (what < 91) {
        close_one(self, which);
    } else if (what < 93) {
        hang_one(self, which);
    } else if (what < 95) {
        stele_log_memory_fault fault = (stele_log_memory_fault)(1 + next(self, 3));
        stele_log_memory_fail_append(self->of->log, 1 + next(self, 10), fault);
        for (uint32_t i = 0; i < TELLERS; i++)
            turn_one(self, i);
        stele_log_memory_fail_append(self->of->log, 0, STELE_LOG_MEMORY_REFUSED);
    } else if (what < 96) {
        if (self->forgetful) stele_log_memory_lose_markers(self->of->log);
    } else if (what < 97) {
        stele_log_memory_doubt_commit(
            self->of->log, next(self, 2) == 0 ? STELE_LOG_MEMORY_DONE : STELE_LOG_MEMORY_NOT_DONE);
    } else if (what < 99) {
        stele_log_memory_set_up(self->of->log, false);
        for (uint32_t i = 0; i < TELLERS; i++)
            turn_one(self, i);
        stele_log_memory_set_up(self->of->log, true);
    } else {
        stele_log_memory_compact(self->of->log, BANK_SNAPSHOTS, NULL);
    }
}

static void look_for_stopped(play *self, uint64_t seed)
{
    for (uint32_t i = 0; i < TELLERS; i++) {
        for (int32_t p = 0; self->open[i] && p < PARTITIONS; p++) {
            if (teller_state(&self->tellers[i], p) == STELE_STATE_STOPPED)
                fail_msg("seed %" PRIu64 ": %s", seed, teller_reason(&self->tellers[i], p));
        }
    }
}

static void play_one(uint64_t seed)
{
    play self = {.of = bank_new(PARTITIONS),
                 .random = seed * 2 + 1,
                 .eager = seed % 2 == 0,
                 .forgetful = seed % 4 == 1};
    for (int i = 0; i < STEPS; i++) {
        step(&self);
        look_for_stopped(&self, seed);
    }
    for (uint32_t i = 0; i < TELLERS; i++)
        close_one(&self, i);
    /* No more trouble: a commit in doubt would leave the last snapshots to whoever comes next. */
    stele_log_memory_doubt_commit(self.of->log, (stele_log_memory_doubt)0);
    bank_run(self.of, (teller_options){.eager = self.eager});

    stele_projection second = bank_balances;
    second.version = 2;
    bank_run(self.of, (teller_options){.projection = &second});
    char *disturbed = bank_snapshots(self.of, "balances.v1.snapshots");
    char *undisturbed = bank_snapshots(self.of, "balances.v2.snapshots");
    char *states = bank_states(self.of, "balances.v1.snapshots");
    char *replayed = bank_replay(self.of, &bank_balances);
    if (strcmp(disturbed, undisturbed) != 0 || strcmp(states, replayed) != 0)
        fail_msg("seed %" PRIu64 "\n--- disturbed\n%s--- undisturbed\n%s--- replayed\n%s", seed,
                 disturbed, undisturbed, replayed);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start;
        int64_t end;
        assert_int_equal(stele_log_bounds(self.of->log, (stele_partition){BANK_EVENTS, i},
                                          STELE_READ_COMMITTED, 5000, &start, &end, NULL),
                         STELE_OK);
        if (end > 0) assert_int_equal(bank_group_offset(self.of, i), end);
    }
    free(disturbed);
    free(undisturbed);
    free(states);
    free(replayed);
    bank_free(self.of);
}

static void any_schedule_ends_with_the_snapshots_of_an_undisturbed_run(void **state)
{
    (void)state;
    const char *given = getenv("STELE_SEED");
    if (given != NULL) {
        play_one(strtoull(given, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        play_one(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_schedule_ends_with_the_snapshots_of_an_undisturbed_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
