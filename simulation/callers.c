/* SPDX-License-Identifier: MIT
 * Callers: each calls one instance or another, waits for as long as it likes, calls again with the
 * same command's id where it does not know what came of it, and sometimes where it does. */
#include "simulation/bank.h"

enum {
    LOAD_BOX = SIM_FIRST_CALLER_BOX + SIM_CALLERS, /* the world's own */
    BOOK_MAX = 100                                 /* cents */
};

typedef struct caller {
    int box;
    stele_stream random;
    int at; /* the instance that it calls */
    uint64_t letters;
    int64_t known[SIM_WALLETS_MAX]; /* versions */
} caller;

/* ---- one letter ---- */

static void remember(int64_t number, int64_t begun_ns, const sim_reply *reply)
{
    if (bank.answer_count == SIM_ANSWERS_MAX) sim_fail("harness", "too many answers");
    bank.answers[bank.answer_count++] =
        (sim_answer){number, begun_ns, stele_fibers_now_ns(world.fibers), *reply};
}

/* @return false: no answer came in time */
static bool call(caller *self, int64_t number, int patience_ms, int timeout_ms, sim_reply *out)
{
    const sim_call *of = &bank.calls[number];
    int64_t begun_ns = stele_fibers_now_ns(world.fibers);
    int64_t until_ns = begun_ns + (int64_t)patience_ms * 1000000;
    sim_letter letter = {.from = self->box,
                         .to = self->at,
                         .about = ++self->letters,
                         .want = of->want,
                         .number = number,
                         .wallet = of->wallet,
                         .expected = of->expected,
                         .timeout_ms = timeout_ms};
    snprintf(letter.id, sizeof letter.id, "%s", of->id);
    bank.calls[number].ways++;
    bank.calls[number].is_called = true;
    sim_post(&letter);
    while (stele_fibers_now_ns(world.fibers) < until_ns) {
        sim_letter come;
        if (!sim_take_letter(self->box, until_ns, &come) || come.about != self->letters) continue;
        remember(number, begun_ns, &come.reply);
        *out = come.reply;
        return true;
    }
    return false;
}

/* ---- one call ---- */

static int64_t draw_expected(caller *self, int wallet)
{
    int64_t known = self->known[wallet];
    switch (stele_stream_below(&self->random, 5)) {
    case 0:
    case 1:
        return STELE_EXPECT_ANY;
    case 2:
        return known > 1 ? known - 1 : known == 0 ? STELE_EXPECT_NEW : known;
    default:
        return known == 0 ? STELE_EXPECT_NEW : known;
    }
}

/* @return -1: there have been enough */
static int64_t draw_call(caller *self)
{
    stele_stream *random = &self->random;
    int wallet = (int)stele_stream_below(random, (uint32_t)bank.wallets);
    for (int i = 0; bank.calls_of[wallet] == SIM_CALLS_OF_WALLET; i++) {
        if (i == bank.wallets) return -1;
        wallet = (wallet + 1) % bank.wallets;
    }
    if (bank.call_count + SIM_WALLETS_MAX >= SIM_CALLS_MAX) return -1;
    int64_t number = bank.call_count++;
    sim_call *made = &bank.calls[number];
    uint32_t kind = stele_stream_below(random, 8);
    int64_t cents = 1 + stele_stream_below(random, BOOK_MAX);
    *made = (sim_call){.want = kind < 5   ? SIM_WANT_COMMAND
                               : kind < 6 ? SIM_WANT_EVENTS
                                          : SIM_WANT_STATE,
                       .wallet = wallet,
                       .cents = kind < 2 ? -2 * cents : cents,
                       .times = (int)stele_stream_below(random, 4)};
    if (made->want == SIM_WANT_EVENTS && made->times == 0) made->times = 1;
    if (made->want == SIM_WANT_STATE) return number;
    bank.calls_of[wallet]++;
    made->expected = draw_expected(self, wallet);
    if (stele_stream_below(random, 6) > 0)
        snprintf(made->id, sizeof made->id, "call-%d", (int)number);
    return number;
}

static void learn(caller *self, int wallet, const sim_reply *reply)
{
    if (reply->status == STELE_OK || reply->status == STELE_E_CONFLICT)
        self->known[wallet] = reply->result.version;
}

static void move(caller *self)
{
    self->at = (int)stele_stream_below(&self->random, SIM_INSTANCES);
}

/* Is this all that can be known of it? */
static bool is_final(const sim_reply *reply)
{
    switch (reply->status) {
    case STELE_OK:
    case STELE_E_CONFLICT:
    case STELE_E_REJECTED:
        return true;
    case STELE_E_UNAVAILABLE:
    case STELE_E_TIMED_OUT:
    case STELE_E_NOT_OWNER:
    case STELE_E_FULL:
        return false;
    default:
        sim_fail("stopped", "a call is answered with %s: %s", stele_status_name(reply->status),
                 reply->text);
    }
}

static void repeat(caller *self, int64_t number, int patience_ms, int timeout_ms)
{
    sim_reply reply;
    if (stele_stream_below(&self->random, 2) == 0)
        sim_sleep_ms(stele_stream_below(&self->random, 8000));
    if (stele_stream_below(&self->random, 2) == 0) move(self);
    call(self, number, patience_ms, timeout_ms, &reply);
}

static void call_until_known(caller *self, int64_t number)
{
    stele_stream *random = &self->random;
    const sim_call *of = &bank.calls[number];
    int patience_ms = 50 << stele_stream_below(random, 8);
    int timeout_ms = 50 << stele_stream_below(random, 9);
    if (stele_stream_below(random, 3) == 0) move(self);
    for (;;) {
        sim_reply reply;
        bool is_answered = call(self, number, patience_ms, timeout_ms, &reply);
        if (is_answered && is_final(&reply)) {
            learn(self, of->wallet, &reply);
            if (reply.status == STELE_OK && of->id[0] != '\0' && stele_stream_below(random, 6) == 0)
                repeat(self, number, patience_ms, timeout_ms);
            return;
        }
        /* It may have been carried out, and would be again; or its caller has had enough. */
        if (of->id[0] == '\0' || stele_stream_below(random, 20) == 0) return;
        if (patience_ms < 5000) patience_ms *= 2;
        if (timeout_ms < 5000) timeout_ms *= 2;
        sim_sleep_ms(stele_stream_below(random, 200));
        if (stele_stream_below(random, 2) == 0) move(self);
    }
}

static void caller_main(void *context)
{
    caller *self = context;
    for (int i = 0; i < bank.to_call && !world.resting; i++) {
        int64_t number = draw_call(self);
        if (number < 0) break;
        call_until_known(self, number);
        sim_sleep_ms(stele_stream_below(&self->random, 2 * world.gap_ms + 1));
    }
    bank.callers_done++;
    sim_say("caller %d has done its calls", self->box - SIM_FIRST_CALLER_BOX);
}

void sim_start_callers(void)
{
    static caller callers[SIM_CALLERS];
    for (int i = 0; i < SIM_CALLERS; i++) {
        callers[i] = (caller){.box = SIM_FIRST_CALLER_BOX + i,
                              .random = {stele_stream_next(&world.load)},
                              .at = i % SIM_INSTANCES};
        stele_thread thread;
        stele_thread_start(world.runtime, &thread, "caller", caller_main, &callers[i]);
        stele_thread_detach(thread);
    }
}

bool sim_load_all(int64_t until_ns)
{
    enum { ASK_MS = 5000, PAUSE_MS = 100 };
    caller self = {.box = LOAD_BOX, .random = {stele_stream_next(&world.load)}};
    for (int i = 0; i < bank.wallets; i++) {
        int64_t number = bank.call_count++;
        bank.calls[number] = (sim_call){.want = SIM_WANT_STATE, .wallet = i};
        sim_reply reply;
        move(&self);
        while (!call(&self, number, ASK_MS, ASK_MS, &reply) || !is_final(&reply)) {
            if (stele_fibers_now_ns(world.fibers) >= until_ns) return false;
            sim_sleep_ms(PAUSE_MS);
            move(&self);
        }
    }
    return true;
}
