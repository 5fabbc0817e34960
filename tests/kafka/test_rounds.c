/* SPDX-License-Identifier: MIT
 * Questions of many threads that become one request, in virtual time. It has the planted bug of
 * kafka/rounds.c in it, which is on where a test turns it on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "kafka/rounds.h"
#include "testing/fibers.h"

enum { PLACES = 6, MANY = 64, WAIT_MS = 10000 };

static bool is_planted;

bool stele_bug_is_planted(const char *name)
{
    return is_planted && strcmp(name, "question goes with a request that was sent before") == 0;
}

/* ---- a broker that knows a number for each place ---- */

typedef struct desk {
    stele_fibers *fibers;
    stele_runtime runtime;
    stele_rounds rounds;
    stele_stream chance;
    int64_t values[PLACES];
    int latency_ms;   /* to the broker, and back again */
    int random_ms;    /* so much more at most, each way */
    int fails_one_in; /* requests; 0: none */
    int slow_one_in;  /* likewise: they take a second */
    int broken_place; /* whoever asks for it too fails as a whole; -1: none */
    int silent_place; /* the same, when its time is up; -1: none */
    int requests;
    size_t largest;
    int stale; /* answers that are older than their question */
    int done;
} desk;

typedef struct question {
    stele_asked base;
    desk *of;
    int place;
    int group; /* others share no request with it */
    int64_t answer;
} question;

static bool questions_join(const stele_asked *a, const stele_asked *b)
{
    return ((const question *)a)->group == ((const question *)b)->group;
}

static void pass(desk *of)
{
    int64_t more_ms = stele_stream_below(&of->chance, (uint32_t)of->random_ms);
    stele_sleep_ms(of->runtime, of->latency_ms + more_ms);
}

static bool is_asked_for(const stele_asked *first, int place)
{
    for (const stele_asked *each = first; each != NULL; each = each->next)
        if (((const question *)each)->place == place) return true;
    return false;
}

static stele_status ask(stele_asked *first, int timeout_ms, stele_error *err)
{
    size_t count = 0;
    for (const stele_asked *each = first; each != NULL; each = each->next)
        count++;
    desk *of = ((question *)first)->of;
    int64_t then[PLACES];
    of->requests++;
    if (count > of->largest) of->largest = count;
    bool is_broken = is_asked_for(first, of->broken_place);
    bool is_silent = is_asked_for(first, of->silent_place);
    pass(of);
    memcpy(then, of->values, sizeof then);
    if (is_silent) stele_sleep_ms(of->runtime, timeout_ms);
    if (stele_stream_once_in(&of->chance, (uint32_t)of->slow_one_in))
        stele_sleep_ms(of->runtime, 1000);
    pass(of);
    if (is_silent) return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "no answer");
    if (is_broken || stele_stream_once_in(&of->chance, (uint32_t)of->fails_one_in))
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, "there is no such place");
    for (stele_asked *each = first; each != NULL; each = each->next)
        ((question *)each)->answer = then[((question *)each)->place];
    return STELE_OK;
}

static const stele_round_kind kind = {questions_join, ask};

static void desk_open(desk *of, uint64_t seed)
{
    *of = (desk){.chance = stele_stream_of(seed, 1),
                 .latency_ms = 5,
                 .broken_place = -1,
                 .silent_place = -1};
    of->fibers = stele_fibers_new(&(stele_fibers_options){
        .seed = seed, .switch_one_in = 3, .spurious_one_in = 7, .step_max_ns = 10000});
    of->runtime = stele_fibers_runtime(of->fibers);
    stele_rounds_init(&of->rounds, of->runtime);
}

static void desk_close(desk *of)
{
    stele_rounds_clear(&of->rounds);
    stele_fibers_free(of->fibers);
}

/* ---- one who asks, in a thread ---- */

typedef struct asker {
    desk *of;
    int place;
    int group;
    int after_ms;
    int timeout_ms;
    stele_status status;
    int64_t answer;
    int64_t took_ms;
    stele_thread thread;
} asker;

static int64_t now_ms(const desk *of)
{
    return stele_fibers_now_ns(of->fibers) / 1000000;
}

static void run_asker(void *context)
{
    asker *self = context;
    stele_sleep_ms(self->of->runtime, self->after_ms);
    int64_t begun_ms = now_ms(self->of);
    question mine = {
        .base.kind = &kind, .of = self->of, .place = self->place, .group = self->group};
    self->status = stele_rounds_ask(&self->of->rounds, &mine.base,
                                    self->timeout_ms == 0 ? WAIT_MS : self->timeout_ms, NULL);
    self->answer = mine.answer;
    self->took_ms = now_ms(self->of) - begun_ms;
}

static void begin(desk *of, asker *askers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        askers[i].of = of;
        assert_int_equal(
            stele_thread_start(of->runtime, &askers[i].thread, "asker", run_asker, &askers[i]), 0);
    }
}

static void end(asker *askers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        stele_thread_join(askers[i].thread);
}

static void ask_all(desk *of, asker *askers, size_t count)
{
    begin(of, askers, count);
    end(askers, count);
}

/* ---- tests ---- */

static void one_alone_is_asked_at_once(void **state)
{
    (void)state;
    desk of;
    desk_open(&of, 1);
    of.values[2] = 7;
    asker one = {.place = 2};

    ask_all(&of, &one, 1);

    assert_int_equal(one.status, STELE_OK);
    assert_int_equal(one.answer, 7);
    assert_int_equal(of.requests, 1);
    assert_in_range(one.took_ms, 10, 11);
    desk_close(&of);
}

static void many_who_ask_together_need_two_requests(void **state)
{
    (void)state;
    desk of;
    asker askers[MANY] = {{0}};
    desk_open(&of, 2);
    for (int i = 0; i < MANY; i++)
        askers[i].place = i % PLACES;

    ask_all(&of, askers, MANY);

    for (int i = 0; i < MANY; i++)
        assert_int_equal(askers[i].status, STELE_OK);
    assert_in_range(of.requests, 1, 2);
    assert_in_range(of.largest, MANY / 2, MANY);
    desk_close(&of);
}

static void who_asks_while_a_request_is_under_way_goes_with_the_next(void **state)
{
    (void)state;
    desk of;
    desk_open(&of, 3);
    of.latency_ms = 10;
    asker askers[] = {{.place = 1}, {.place = 1, .after_ms = 15}, {.place = 1, .after_ms = 18}};

    begin(&of, askers, 3);
    stele_sleep_ms(of.runtime, 12); /* the first has read it by now */
    of.values[1] = 5;
    end(askers, 3);

    assert_int_equal(askers[0].answer, 0);
    assert_int_equal(askers[1].answer, 5);
    assert_int_equal(askers[2].answer, 5);
    assert_int_equal(of.requests, 2);
    desk_close(&of);
}

static void what_is_asked_of_someone_else_waits_for_no_one(void **state)
{
    (void)state;
    desk of;
    desk_open(&of, 4);
    asker askers[] = {{.group = 1}, {.group = 2, .after_ms = 2}};

    ask_all(&of, askers, 2);

    assert_int_equal(of.requests, 2);
    assert_in_range(askers[1].took_ms, 10, 11);
    desk_close(&of);
}

static void a_request_that_lasts_holds_up_the_next_for_a_moment_only(void **state)
{
    (void)state;
    desk of;
    desk_open(&of, 5);
    of.silent_place = 0;
    asker askers[] = {{.place = 0, .timeout_ms = 2000}, {.place = 1, .after_ms = 10}};

    ask_all(&of, askers, 2);

    assert_int_equal(askers[0].status, STELE_E_TIMED_OUT);
    assert_int_equal(askers[1].status, STELE_OK);
    assert_in_range(askers[1].took_ms, 90, 120);
    desk_close(&of);
}

static void where_a_request_for_many_fails_each_asks_by_itself(void **state)
{
    (void)state;
    desk of;
    asker askers[8] = {{0}};
    desk_open(&of, 6);
    of.broken_place = 3;
    for (int i = 0; i < 8; i++)
        askers[i].place = i == 5 ? 3 : 1;

    ask_all(&of, askers, 8);

    for (int i = 0; i < 8; i++)
        assert_int_equal(askers[i].status, i == 5 ? STELE_E_NOT_FOUND : STELE_OK);
    desk_close(&of);
}

/* A broker that is away costs those who ask others one request. */
static void after_a_request_without_an_answer_each_asks_by_itself_for_a_while(void **state)
{
    (void)state;
    desk of;
    asker askers[8] = {{0}};
    desk_open(&of, 7);
    of.silent_place = 3;
    for (int i = 0; i < 8; i++)
        askers[i] = (asker){.place = i == 0 ? 3 : 1, .timeout_ms = i == 0 ? 600 : 1000};
    ask_all(&of, askers, 8);
    for (int i = 1; i < 8; i++)
        assert_int_equal(askers[i].status, STELE_OK);
    assert_int_equal(askers[0].status, STELE_E_TIMED_OUT);

    ask_all(&of, askers, 8);

    for (int i = 1; i < 8; i++)
        assert_in_range(askers[i].took_ms, 10, 11);
    of.silent_place = -1;
    stele_sleep_ms(of.runtime, 6000);
    of.requests = 0;
    ask_all(&of, askers, 8);
    assert_in_range(of.requests, 1, 2);
    desk_close(&of);
}

static void who_cannot_be_asked_in_time_is_told_so(void **state)
{
    (void)state;
    desk of;
    desk_open(&of, 8);
    of.latency_ms = 40;
    asker askers[] = {{.place = 0}, {.place = 1, .after_ms = 10, .timeout_ms = 20}};

    ask_all(&of, askers, 2);

    assert_int_equal(askers[0].status, STELE_OK);
    assert_int_equal(askers[1].status, STELE_E_TIMED_OUT);
    assert_in_range(askers[1].took_ms, 20, 21);
    assert_int_equal(of.requests, 1);
    desk_close(&of);
}

/* ---- at random: no answer is older than its question ---- */

enum { ASKERS = 12, ROUNDS = 20 };

static void ask_again_and_again(void *context)
{
    desk *of = context;
    for (int i = 0; i < ROUNDS; i++) {
        int place = (int)stele_stream_below(&of->chance, PLACES);
        int64_t floor = ++of->values[place]; /* as of a fence */
        question mine = {.base.kind = &kind, .of = of, .place = place};
        int timeout_ms = stele_stream_once_in(&of->chance, 5) ? 20 : 2000;
        if (stele_rounds_ask(&of->rounds, &mine.base, timeout_ms, NULL) == STELE_OK)
            of->stale += mine.answer < floor;
        stele_sleep_ms(of->runtime, stele_stream_below(&of->chance, 30));
    }
    of->done++;
}

static void process(void *context)
{
    desk *of = context;
    stele_thread threads[ASKERS];
    for (int i = 0; i < ASKERS; i++)
        stele_thread_start(of->runtime, &threads[i], "asker", ask_again_and_again, of);
    for (int i = 0; i < ASKERS; i++)
        stele_thread_join(threads[i]);
}

/* Two processes, of which one is killed in between and begins again. @return stale answers */
static int play(uint64_t seed)
{
    desk of;
    desk_open(&of, seed);
    of.random_ms = 1 + (int)stele_stream_below(&of.chance, 20);
    of.fails_one_in = (int)stele_stream_below(&of.chance, 8);
    of.slow_one_in = (int)stele_stream_below(&of.chance, 30);
    stele_fibers_start(of.fibers, 1, "one", process, &of);
    stele_fibers_start(of.fibers, 2, "other", process, &of);
    stele_sleep_ms(of.runtime, 50 + stele_stream_below(&of.chance, 200));
    stele_fibers_kill(of.fibers, 1);
    int done = of.done;
    stele_fibers_start(of.fibers, 1, "one", process, &of);
    while (stele_fibers_is_running(of.fibers, 1) || stele_fibers_is_running(of.fibers, 2))
        stele_sleep_ms(of.runtime, 100);
    assert_int_equal(of.done, done + 2 * ASKERS);
    int stale = of.stale;
    desk_close(&of);
    return stale;
}

static void no_answer_is_older_than_its_question(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        assert_int_equal(play(seed), 0);
}

static void a_question_that_goes_with_what_was_sent_before_is_found(void **state)
{
    (void)state;
    int found = 0;
    is_planted = true;
    for (uint64_t seed = 1; seed <= 20; seed++)
        found += play(seed) > 0;
    is_planted = false;
    assert_in_range(found, 15, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_is_asked_at_once),
        cmocka_unit_test(many_who_ask_together_need_two_requests),
        cmocka_unit_test(who_asks_while_a_request_is_under_way_goes_with_the_next),
        cmocka_unit_test(what_is_asked_of_someone_else_waits_for_no_one),
        cmocka_unit_test(a_request_that_lasts_holds_up_the_next_for_a_moment_only),
        cmocka_unit_test(where_a_request_for_many_fails_each_asks_by_itself),
        cmocka_unit_test(after_a_request_without_an_answer_each_asks_by_itself_for_a_while),
        cmocka_unit_test(who_cannot_be_asked_in_time_is_told_so),
        cmocka_unit_test(no_answer_is_older_than_its_question),
        cmocka_unit_test(a_question_that_goes_with_what_was_sent_before_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
