/* SPDX-License-Identifier: MIT
 * Errands in virtual time: the owners' records are in the log in memory, and the test is the HTTP
 * of all instances. */
#include "aggregates/courier.h"

#include "consumer/status.h"
#include "core/alloc.h"
#include "core/names.h"
#include "kafka/memory_log.h"
#include "office.h"
#include "tests/support/test.h"

enum { ASK_MS = 10000, REQUESTS_MAX = 64, PARTITION = 1 };

#define EVENTS "account.events"

/* ---- the other instances ---- */

typedef struct asked {
    char url[200];
    char method[8];
    char head[400]; /* the fields, each with a newline */
    char body[100];
    int timeout_ms;
    stele_agent_answered *answered; /* NULL: it was */
    void *context;
    bool is_cancelled;
} asked;

typedef struct stage {
    office *of;
    stele_owner_table *table;
    stele_courier *courier;
    stele_log_producer *producer;
    asked requests[REQUESTS_MAX];
    size_t count;
    bool is_here;

    bool is_done;
    stele_errand_end end;
    long code;
    char answer[100];
    char text[STELE_ERROR_TEXT_MAX];
    bool may_be_done;
} stage;

static uint64_t ask(void *self, const stele_agent_request *request, stele_agent_answered *answered,
                    void *context)
{
    stage *s = self;
    OFFICE_CHECK(s->of, s->count < REQUESTS_MAX);
    asked *each = &s->requests[s->count++];
    *each = (asked){.timeout_ms = request->timeout_ms, .answered = answered, .context = context};
    snprintf(each->url, sizeof each->url, "%s", request->url);
    snprintf(each->method, sizeof each->method, "%s", request->method);
    snprintf(each->body, sizeof each->body, "%.*s", (int)request->body.size,
             (const char *)request->body.data);
    for (const char *const *at = request->fields; *at != NULL; at++) {
        size_t size = strlen(each->head);
        snprintf(each->head + size, sizeof each->head - size, "%s\n", *at);
    }
    return s->count;
}

static void answer_with(asked *each, const stele_agent_answer *answer, const stele_error *failure)
{
    stele_agent_answered *answered = each->answered;
    each->answered = NULL;
    answered(each->context, answer, failure);
}

static void cancel(void *self, uint64_t number)
{
    stage *s = self;
    asked *each = &s->requests[number - 1];
    stele_error failure;
    each->is_cancelled = true;
    stele_fail(&failure, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "cancelled");
    if (each->answered != NULL)
        answer_with(each, &(stele_agent_answer){.was_sent = true}, &failure);
}

static const stele_agent_ops agent = {ask, cancel};

/* ---- the stage ---- */

static void must(const stage *s, stele_status status, const stele_error *err)
{
    if (status < 0) office_fail(s->of, __FILE__, __LINE__, "failed:", err->text);
}

static void open_stage_with(stage *s, office *of, stele_log *log)
{
    stele_error err;
    *s = (stage){.of = of};
    must(s, stele_owners_ensure(of->log, EVENTS, ASK_MS, &err), &err);
    must(s, stele_log_producer_open(of->log, &(stele_log_producer_options){0}, &s->producer, &err),
         &err);
    must(s, stele_owner_table_open(of->log, &s->table, &err), &err);
    const stele_courier_options options = {.runtime = of->runtime,
                                           .table = s->table,
                                           .agent = {&agent, s},
                                           .address = "own:1",
                                           .log = log};
    must(s, stele_courier_new(&options, &s->courier, &err), &err);
}

static void open_stage(stage *s, office *of)
{
    open_stage_with(s, of, NULL);
}

static void close_stage(stage *s)
{
    stele_courier_free(s->courier);
    stele_owner_table_close(s->table);
    stele_log_producer_close(s->producer);
}

static bool is_here(void *context)
{
    const stage *s = context;
    return s->is_here;
}

static void on_done(void *context, const stele_errand_outcome *outcome)
{
    stage *s = context;
    OFFICE_CHECK(s->of, !s->is_done);
    s->is_done = true;
    s->end = outcome->end;
    s->may_be_done = outcome->may_be_done;
    snprintf(s->text, sizeof s->text, "%s", outcome->text);
    if (outcome->answer == NULL) return;
    s->code = outcome->answer->code;
    snprintf(s->answer, sizeof s->answer, "%.*s", (int)outcome->answer->body.size,
             (const char *)outcome->answer->body.data);
}

static void send(stage *s, int timeout_ms)
{
    const char *fields[] = {"A: 1", "B: 2", NULL};
    const stele_errand errand = {
        .partition = {EVENTS, PARTITION},
        .method = "POST",
        .path = "/x",
        .fields = fields,
        .body = stele_text("{}"),
        .deadline = stele_deadline_after(stele_runtime_clock(s->of->runtime), timeout_ms),
        .is_here = is_here,
        .done = on_done,
        .context = s};
    stele_courier_send(s->courier, &errand);
}

/* A record of an owner, committed. */
static void own(stage *s, int64_t term, const char *address)
{
    stele_owner owner = {.term = term, .instance = "bank", .time_ms = 1};
    snprintf(owner.address, sizeof owner.address, "%s", address);
    STELE_AUTO(char) key = stele_owner_key(EVENTS, PARTITION);
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    stele_error err;
    stele_owner_write(&owner, &value);
    const stele_log_entry put = {.partition = {STELE_OWNERS_TOPIC, 0},
                                 .key = stele_text(key),
                                 .value = stele_buffer_view(&value)};
    must(s, stele_log_producer_put(s->producer, &put, &err), &err);
}

/* Until there are so many requests; the last of them. */
static asked *await_request(stage *s, size_t count)
{
    stele_deadline by = stele_deadline_after(stele_runtime_clock(s->of->runtime), OFFICE_WAIT_MS);
    while (s->count < count) {
        OFFICE_CHECK(s->of, !stele_deadline_passed(by));
        office_sleep(s->of, 1);
    }
    return &s->requests[count - 1];
}

static void await_done(const stage *s)
{
    stele_deadline by =
        stele_deadline_after(stele_runtime_clock(s->of->runtime), 2 * OFFICE_WAIT_MS);
    while (!s->is_done) {
        OFFICE_CHECK(s->of, !stele_deadline_passed(by));
        office_sleep(s->of, 1);
    }
}

static void answer(asked *each, long code, const char *body)
{
    answer_with(each,
                &(stele_agent_answer){.code = code, .body = stele_text(body), .was_sent = true},
                NULL);
}

static void refuse(asked *each, bool was_sent)
{
    stele_error failure;
    stele_fail(&failure, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "connection refused");
    answer_with(each, &(stele_agent_answer){.was_sent = was_sent}, &failure);
}

/* ---- the plays ---- */

static void ask_the_owner(office *of)
{
    stage s;
    open_stage(&s, of);
    own(&s, 1, "one:1");

    send(&s, 5000);
    asked *request = await_request(&s, 1);
    answer(request, 200, "done");
    await_done(&s);

    OFFICE_CHECK(of, strcmp(request->url, "http://one:1/x") == 0);
    OFFICE_CHECK(of, strcmp(request->method, "POST") == 0);
    OFFICE_CHECK(of, strcmp(request->body, "{}") == 0);
    OFFICE_CHECK(of,
                 strncmp(request->head, "A: 1\nB: 2\nStele-Hops: 1\nStele-Timeout-Ms: 4", 43) == 0);
    OFFICE_CHECK(of, request->timeout_ms > 4000 && request->timeout_ms <= 5000);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_ANSWERED && s.code == 200);
    OFFICE_CHECK(of, strcmp(s.answer, "done") == 0);
    close_stage(&s);
}

static void a_request_goes_to_the_owner(void **state)
{
    (void)state;
    office_play(ask_the_owner, 0);
}

static void ask_again(office *of)
{
    stage s;
    open_stage(&s, of);
    own(&s, 1, "one:1");

    send(&s, 60000);
    refuse(await_request(&s, 1), false);
    refuse(await_request(&s, 2), false);
    answer(await_request(&s, 3), 503, "{\"code\":\"unavailable\",\"detail\":\"restores\"}");
    answer(await_request(&s, 4), 404, "<html>another program</html>");
    answer(await_request(&s, 5), 422, "{\"code\":\"no\"}");
    await_done(&s);

    OFFICE_CHECK(of, s.end == STELE_ERRAND_ANSWERED && s.code == 422);
    OFFICE_CHECK(of, !s.may_be_done); /* none of them had begun it */
    close_stage(&s);
}

static void an_owner_that_has_no_time_is_asked_again(void **state)
{
    (void)state;
    office_play(ask_again, 0);
}

static void follow_the_owner(office *of)
{
    stage s;
    open_stage(&s, of);
    own(&s, 1, "one:1");

    send(&s, 60000);
    asked *silent = await_request(&s, 1);
    own(&s, 2, "two:2");
    asked *next = await_request(&s, 2);
    answer(next, 200, "done");
    await_done(&s);

    OFFICE_CHECK(of, silent->is_cancelled);
    OFFICE_CHECK(of, strcmp(next->url, "http://two:2/x") == 0);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_ANSWERED && s.may_be_done);
    close_stage(&s);
}

static void a_silent_owner_is_left_when_there_is_a_newer_one(void **state)
{
    (void)state;
    office_play(follow_the_owner, 0);
}

static void hear_who_it_is(office *of)
{
    stage s;
    open_stage(&s, of);
    own(&s, 1, "one:1");

    send(&s, 60000);
    answer(await_request(&s, 1), 421,
           "{\"code\":\"not_owner\",\"owner\":{\"term\":2,\"instance\":\"b\",\"address\":\"two:2\","
           "\"time\":\"2026-01-31T12:00:00.000Z\"}}");
    asked *next = await_request(&s, 2);
    answer(next, 200, "done");
    await_done(&s);

    OFFICE_CHECK(of, strcmp(next->url, "http://two:2/x") == 0);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_ANSWERED && !s.may_be_done);
    close_stage(&s);
}

static void who_is_not_the_owner_says_who_is(void **state)
{
    (void)state;
    office_play(hear_who_it_is, 0);
}

static void wait_for_an_owner(office *of)
{
    stage s;
    open_stage(&s, of);

    send(&s, 60000);
    office_sleep(of, 1500);
    own(&s, 1, ""); /* serves no HTTP */
    office_sleep(of, 1500);
    own(&s, 2, "own:1"); /* this instance, once */
    office_sleep(of, 1500);
    OFFICE_CHECK(of, s.count == 0 && !s.is_done);
    own(&s, 3, "three:3");
    answer(await_request(&s, 1), 200, "done");
    await_done(&s);

    OFFICE_CHECK(of, s.end == STELE_ERRAND_ANSWERED);
    close_stage(&s);
}

static void without_an_owner_it_waits_for_one(void **state)
{
    (void)state;
    office_play(wait_for_an_owner, 0);
}

static void come_too_late(office *of)
{
    stage s;
    open_stage(&s, of);

    send(&s, 2000);
    await_done(&s);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_LATE && !s.may_be_done);
    OFFICE_CHECK(of, strstr(s.text, "no instance has owned it yet") != NULL);

    s.is_done = false;
    own(&s, 1, "one:1");
    send(&s, 2000); /* and no answer comes */
    await_done(&s);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_LATE && s.may_be_done);

    s.is_done = false;
    size_t before = s.count;
    send(&s, 2000);
    refuse(await_request(&s, before + 1), true); /* the connection broke; then it is refused */
    while (!s.is_done) {
        if (s.count > before + 1 && s.requests[s.count - 1].answered != NULL)
            refuse(&s.requests[s.count - 1], false);
        office_sleep(of, 1);
    }
    OFFICE_CHECK(of, s.end == STELE_ERRAND_LATE && s.may_be_done);
    OFFICE_CHECK(of, strstr(s.text, "connection refused") != NULL);
    close_stage(&s);
}

static void when_its_time_is_over_it_says_whether_it_may_be_done(void **state)
{
    (void)state;
    office_play(come_too_late, 0);
}

static void come_home(office *of)
{
    stage s;
    open_stage(&s, of);
    own(&s, 1, "one:1");

    send(&s, 60000);
    asked *request = await_request(&s, 1);
    s.is_here = true;
    own(&s, 2, "own:1");
    await_done(&s);

    OFFICE_CHECK(of, request->is_cancelled);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_HERE && s.may_be_done);
    close_stage(&s);
}

static void what_is_this_instances_by_now_comes_back(void **state)
{
    (void)state;
    office_play(come_home, 0);
}

static void end_early(office *of)
{
    stage s;
    open_stage(&s, of);
    send(&s, 60000); /* no one owns it */
    stele_courier_free(s.courier);
    OFFICE_CHECK(of, s.is_done && s.end == STELE_ERRAND_ENDED && !s.may_be_done);
    s.courier = NULL;
    close_stage(&s);

    open_stage(&s, of);
    own(&s, 1, "one:1");
    send(&s, 60000);
    await_request(&s, 1);
    stele_courier_free(s.courier);
    OFFICE_CHECK(of, s.is_done && s.end == STELE_ERRAND_ENDED && s.may_be_done);
    s.courier = NULL;
    close_stage(&s);
}

static void whatever_is_on_its_way_comes_back_at_the_end(void **state)
{
    (void)state;
    office_play(end_early, 0);
}

static void hear_that_it_is_stopped(office *of)
{
    stage s;
    open_stage_with(&s, of, of->log);
    stele_status_board *board =
        stele_status_board_open(of->log, &(stele_status_board_options){.name = "account.writer",
                                                                       .topic = EVENTS,
                                                                       .instance = "bank-1",
                                                                       .stall_timeout_ms = 30000});
    stele_status_board_set(board, 0, STELE_STATE_STOPPED, "not this one", 0, 0);
    stele_status_board_set(board, PARTITION, STELE_STATE_RESTORING, "", 0, 0);
    send(&s, 60000);
    office_sleep(of, 10000);
    OFFICE_CHECK(of, !s.is_done);

    stele_status_board_set(board, PARTITION, STELE_STATE_STOPPED, "a hole: bring it back", 0, 0);
    int64_t before_ns = stele_fibers_now_ns(of->fibers);
    await_done(&s);

    OFFICE_CHECK(of, stele_fibers_now_ns(of->fibers) - before_ns < 10 * INT64_C(1000000000));
    OFFICE_CHECK(of, s.end == STELE_ERRAND_STOPPED && !s.may_be_done);
    OFFICE_CHECK(of, strcmp(s.text, "bank-1 has stopped it: a hole: bring it back") == 0);

    s.is_done = false; /* its record names an owner that says so itself */
    own(&s, 1, "one:1");
    send(&s, 60000);
    answer(await_request(&s, 1), 503, "{\"code\":\"stopped\",\"detail\":\"a hole\"}");
    await_done(&s);
    OFFICE_CHECK(of, s.end == STELE_ERRAND_ANSWERED && s.code == 503);
    stele_status_board_close(board);
    close_stage(&s);
}

static void a_partition_that_is_stopped_is_not_waited_for(void **state)
{
    (void)state;
    office_play(hear_that_it_is_stopped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_to_the_owner),
        cmocka_unit_test(an_owner_that_has_no_time_is_asked_again),
        cmocka_unit_test(a_silent_owner_is_left_when_there_is_a_newer_one),
        cmocka_unit_test(who_is_not_the_owner_says_who_is),
        cmocka_unit_test(without_an_owner_it_waits_for_one),
        cmocka_unit_test(a_partition_that_is_stopped_is_not_waited_for),
        cmocka_unit_test(when_its_time_is_over_it_says_whether_it_may_be_done),
        cmocka_unit_test(what_is_this_instances_by_now_comes_back),
        cmocka_unit_test(whatever_is_on_its_way_comes_back_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
