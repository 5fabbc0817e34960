/* SPDX-License-Identifier: MIT
 * Errands: sent, answered, sent again. All but the two lists of what has come from other threads is
 * of the courier's own. */
#include "aggregates/courier.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "aggregates/standstill.h"
#include "core/alloc.h"
#include "core/message.h"
#include "core/monitor.h"

enum {
    PAUSE_MIN_MS = 10, /* before the same owner is asked again */
    PAUSE_MAX_MS = 500,
    DOUBT_MS = 160, /* who has paused so long asks whether an owner will ever come */
    GRACE_MS = 100, /* for the answer of an owner that has no time left */
    FIELDS_MAX = 16,
    OK = 200,
    UNAVAILABLE = 503,
    GATEWAY_TIMEOUT = 504
};

/* An errand on its way. */
typedef struct trip {
    struct trip *next;
    struct trip **back; /* what points to it, among all */
    struct trip *next_come;
    stele_courier *courier;
    stele_partition partition;
    char *method;
    char *path;
    char *fields[FIELDS_MAX];
    size_t field_count;
    stele_buffer body;
    bool has_body;
    stele_deadline deadline;
    bool (*is_here)(void *context);
    stele_errand_done *done;
    void *context;

    uint64_t asked;     /* number of the request under way; 0: it waits */
    int64_t term;       /* of the owner that was asked last */
    bool was_cancelled; /* for there is a newer owner, or no time */
    stele_owner rumour; /* the newest owner that another instance knew; term 0: none */
    int64_t again_ns;   /* while it waits: when to ask again, whoever the owner is */
    int pause_ms;       /* the last one */
    bool may_be_done;
    char text[STELE_STANDSTILL_TEXT_MAX + 1];

    /* The answer, until the courier takes it. */
    long code;
    stele_buffer answer;
    stele_buffer head;
    bool was_sent;
    stele_error failure;
} trip;

struct stele_courier {
    stele_courier_options options;
    stele_clock clock;
    stele_thread thread;

    /* Of the thread. */
    trip *all;
    int64_t look_ns; /* none of them has to be looked at before */
    bool is_ending;
    stele_asker *asker;             /* owned; NULL: it asks no one … */
    stele_standstills *standstills; /* … which partitions are stopped; likewise */

    /* Under the monitor. */
    stele_monitor monitor;
    trip *sent; /* in order */
    trip **sent_end;
    trip *answered;
    trip **answered_end;
    bool changed; /* the table has */
    bool ends;
};

/* ---- trips ---- */

static trip *new_trip(stele_courier *courier, const stele_errand *errand)
{
    trip *made = stele_alloc(sizeof *made);
    made->courier = courier;
    made->partition =
        (stele_partition){stele_strdup(errand->partition.topic), errand->partition.index};
    made->method = stele_strdup(errand->method);
    made->path = stele_strdup(errand->path);
    for (const char *const *at = errand->fields;
         at != NULL && *at != NULL && made->field_count < FIELDS_MAX - 2; at++)
        made->fields[made->field_count++] = stele_strdup(*at);
    made->fields[made->field_count++] =
        stele_strdup_format(STELE_HOPS_FIELD ": %d", errand->hops + 1);
    made->has_body = errand->body.data != NULL;
    if (made->has_body) stele_buffer_append(&made->body, errand->body);
    made->deadline = errand->deadline;
    made->is_here = errand->is_here;
    made->done = errand->done;
    made->context = errand->context;
    return made;
}

static void free_trip(trip *each)
{
    for (size_t i = 0; i < each->field_count; i++)
        free(each->fields[i]);
    free((char *)each->partition.topic);
    free(each->method);
    free(each->path);
    stele_buffer_clear(&each->body);
    stele_buffer_clear(&each->answer);
    stele_buffer_clear(&each->head);
    free(each);
}

static void link_in(stele_courier *courier, trip *each)
{
    each->next = courier->all;
    each->back = &courier->all;
    if (each->next != NULL) each->next->back = &each->next;
    courier->all = each;
}

static void end_trip(trip *each, stele_errand_end end, const stele_agent_answer *answer)
{
    *each->back = each->next;
    if (each->next != NULL) each->next->back = each->back;
    const stele_errand_outcome outcome = {
        .end = end, .answer = answer, .may_be_done = each->may_be_done, .text = each->text};
    each->done(each->context, &outcome);
    free_trip(each);
}

static int64_t now_ns(const stele_courier *courier)
{
    return stele_clock_monotonic_ns(courier->clock);
}

/* ---- asking ---- */

/* @locality the agent's thread */
static void on_answer(void *context, const stele_agent_answer *answer, const stele_error *failure)
{
    trip *each = context;
    stele_courier *courier = each->courier;
    stele_buffer_reset(&each->answer);
    stele_buffer_reset(&each->head);
    stele_buffer_append(&each->answer, answer->body);
    stele_buffer_append(&each->head, answer->head);
    each->code = answer->code;
    each->was_sent = answer->was_sent;
    each->failure = (stele_error){0};
    if (failure != NULL) each->failure = *failure;
    each->next_come = NULL;
    stele_monitor_lock(&courier->monitor);
    *courier->answered_end = each;
    courier->answered_end = &each->next_come;
    stele_monitor_wake(&courier->monitor);
    stele_monitor_unlock(&courier->monitor);
}

/* No later than that a trip is looked at again. */
static void look_by(trip *each, int64_t ns)
{
    if (ns < each->courier->look_ns) each->courier->look_ns = ns;
}

static void ask(trip *each, const stele_owner *owner)
{
    const stele_courier *courier = each->courier;
    int timeout_ms = stele_deadline_remaining_ms(each->deadline, INT32_MAX);
    int told_ms = timeout_ms - (timeout_ms < 10 * GRACE_MS ? timeout_ms / 10 : GRACE_MS);
    STELE_AUTO(char) url = stele_strdup_format("http://%s%s", owner->address, each->path);
    STELE_AUTO(char) timeout = stele_strdup_format(STELE_TIMEOUT_FIELD ": %d", told_ms);
    const char *fields[FIELDS_MAX + 1] = {NULL};
    for (size_t i = 0; i < each->field_count; i++)
        fields[i] = each->fields[i];
    fields[each->field_count] = timeout;
    look_by(each, each->deadline.end_ns);
    each->term = owner->term;
    each->was_cancelled = false;
    const stele_agent_request request = {.method = each->method,
                                         .url = url,
                                         .fields = fields,
                                         .body = each->has_body ? stele_buffer_view(&each->body)
                                                                : stele_bytes_of(NULL, 0),
                                         .timeout_ms = timeout_ms};
    each->asked =
        courier->options.agent.ops->ask(courier->options.agent.self, &request, on_answer, each);
}

/* Who is to be asked? @return false: no one is known */
static bool find_owner(const trip *each, stele_owner *out)
{
    const stele_courier *courier = each->courier;
    bool is_known = stele_owner_table_find(courier->options.table, each->partition.topic,
                                           each->partition.index, out);
    if (each->rumour.term > 0 && (!is_known || each->rumour.term > out->term)) {
        *out = each->rumour;
        is_known = true;
    }
    return is_known;
}

/* No owner may ever come, and the partition's worker has said why. @return it has ended */
static bool end_stopped(trip *each)
{
    const stele_courier *courier = each->courier;
    if (courier->standstills == NULL || each->pause_ms < DOUBT_MS ||
        !stele_standstills_find(courier->standstills, each->partition, each->text))
        return false;
    end_trip(each, STELE_ERRAND_STOPPED, NULL);
    return true;
}

/* Until there is a newer owner, and for a while. */
static void wait(trip *each)
{
    each->pause_ms = each->pause_ms == 0 ? PAUSE_MIN_MS : 2 * each->pause_ms;
    if (each->pause_ms > PAUSE_MAX_MS) each->pause_ms = PAUSE_MAX_MS;
    if (end_stopped(each)) return;
    each->again_ns = now_ns(each->courier) + (int64_t)each->pause_ms * 1000000;
    look_by(each, each->again_ns);
}

static void say(trip *each, const char *format, ...) STELE_PRINTF(2, 3);

/* Why it is not answered yet. */
static void say(trip *each, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    stele_message_vformat(each->text, sizeof each->text, format, arguments);
    va_end(arguments);
}

static void go(trip *each)
{
    const char *own = each->courier->options.address;
    stele_owner owner;
    if (each->courier->is_ending) {
        end_trip(each, STELE_ERRAND_ENDED, NULL);
    } else if (each->is_here != NULL && each->is_here(each->context)) {
        end_trip(each, STELE_ERRAND_HERE, NULL);
    } else if (stele_deadline_passed(each->deadline)) {
        end_trip(each, STELE_ERRAND_LATE, NULL);
    } else if (!find_owner(each, &owner)) {
        say(each, "no instance has owned it yet");
        wait(each);
    } else if (owner.address[0] == '\0') {
        say(each, "its owner, %s, has no address: http.listen gives it one", owner.instance);
        each->term = owner.term;
        wait(each);
    } else if (strcmp(owner.address, own) == 0) {
        say(each, "this instance owned it last, and no other owns it yet");
        each->term = owner.term;
        wait(each);
    } else {
        ask(each, &owner);
    }
}

/* ---- answers ---- */

/* "detail" of a problem; else nothing. */
static void say_detail(trip *each, const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    say(each, "its owner answers with %ld%s%s", each->code, detail == NULL ? "" : ": ",
        detail == NULL ? "" : detail);
}

static void hear_rumour(trip *each, const json_t *problem)
{
    const json_t *of = json_object_get(problem, "owner");
    char *text = of == NULL ? NULL : json_dumps(of, JSON_COMPACT);
    stele_owner owner;
    if (text != NULL && stele_owner_read(stele_text(text), &owner) &&
        owner.term > each->rumour.term)
        each->rumour = owner;
    free(text);
}

/* Whose answer is it? Any server may have the port by now. */
static const char *code_of(const json_t *problem)
{
    return json_string_value(json_object_get(problem, "code"));
}

/* @return false: the owner, or its successor, is to be asked again */
static bool is_final(trip *each)
{
    if (each->code == OK) return true;
    json_t *problem = json_loadb((const char *)each->answer.data, each->answer.size, 0, NULL);
    const char *code = code_of(problem);
    bool ends = false;
    if (code == NULL) {
        say(each, "at its owner's address is another program");
    } else if (each->code == STELE_MISDIRECTED) {
        hear_rumour(each, problem);
        say(each, "the instance that owned it last owns it no more");
    } else if (each->code == UNAVAILABLE || each->code == GATEWAY_TIMEOUT) {
        /* The writer says "unavailable" of what it has not begun; a server that is closed says
         * other things, and knows nothing. */
        bool is_begun = each->code != UNAVAILABLE || strcmp(code, "unavailable") != 0;
        ends = each->code == UNAVAILABLE && strcmp(code, STELE_STOPPED_CODE) == 0;
        if (is_begun && !ends) each->may_be_done = true;
        say_detail(each, problem);
    } else {
        ends = true;
    }
    json_decref(problem);
    return ends;
}

static void give_answer(trip *each)
{
    const stele_agent_answer answer = {.code = each->code,
                                       .body = stele_buffer_view(&each->answer),
                                       .head = stele_buffer_view(&each->head),
                                       .was_sent = true};
    end_trip(each, STELE_ERRAND_ANSWERED, &answer);
}

static void take_answer(trip *each)
{
    each->asked = 0;
    if (each->failure.status == STELE_OK) {
        if (is_final(each)) {
            give_answer(each);
            return;
        }
    } else {
        if (each->was_sent) each->may_be_done = true;
        if (!each->was_cancelled) say(each, "its owner does not answer: %s", each->failure.text);
    }
    stele_owner owner;
    bool is_newer = find_owner(each, &owner) && owner.term != each->term;
    if (is_newer) each->pause_ms = 0;
    bool is_over = each->courier->is_ending || stele_deadline_passed(each->deadline);
    if (is_newer || is_over || each->was_cancelled)
        go(each);
    else
        wait(each);
}

/* ---- the thread ---- */

/* The owner that is asked may be gone without a word: its successor is asked. */
static void look_at(trip *each, int64_t now)
{
    stele_owner owner;
    bool is_newer = find_owner(each, &owner) && owner.term != each->term;
    bool is_late = now >= each->deadline.end_ns;
    if (each->asked == 0) {
        if (is_newer) each->pause_ms = 0;
        if (is_newer || is_late || now >= each->again_ns)
            go(each);
        else if (!end_stopped(each))
            look_by(each, each->again_ns);
        return;
    }
    look_by(each, is_late ? INT64_MAX : each->deadline.end_ns);
    if (each->was_cancelled || !(is_newer || is_late)) return;
    each->was_cancelled = true;
    if (is_late) say(each, "its owner has not answered yet");
    each->courier->options.agent.ops->cancel(each->courier->options.agent.self, each->asked);
}

static void look_at_all(stele_courier *courier)
{
    int64_t now = now_ns(courier);
    courier->look_ns = INT64_MAX;
    for (trip *each = courier->all, *next; each != NULL; each = next) {
        next = each->next;
        look_at(each, now);
    }
}

/* Wait for what comes from others. @return false: the end has begun */
static bool await_news(stele_courier *courier, trip **sent, trip **answered)
{
    const stele_deadline until = {courier->clock, courier->look_ns};
    stele_monitor_lock(&courier->monitor);
    while (courier->ends == courier->is_ending && courier->sent == NULL &&
           courier->answered == NULL && !courier->changed &&
           stele_monitor_wait(&courier->monitor, until)) {
    }
    *sent = courier->sent;
    *answered = courier->answered;
    courier->sent = courier->answered = NULL;
    courier->sent_end = &courier->sent;
    courier->answered_end = &courier->answered;
    if (courier->changed) courier->look_ns = 0;
    courier->changed = false;
    bool ends = courier->ends;
    stele_monitor_unlock(&courier->monitor);
    return !ends;
}

static void take_news(stele_courier *courier, trip *sent, trip *answered)
{
    for (trip *each = answered, *next; each != NULL; each = next) {
        next = each->next_come;
        take_answer(each);
    }
    for (trip *each = sent, *next; each != NULL; each = next) {
        next = each->next_come;
        link_in(courier, each);
        go(each);
    }
}

/* What is under way is waited for: the agent knows the trip. */
static void end_all(stele_courier *courier)
{
    courier->is_ending = true;
    courier->look_ns = INT64_MAX;
    for (trip *each = courier->all, *next; each != NULL; each = next) {
        next = each->next;
        if (each->asked == 0)
            go(each);
        else
            courier->options.agent.ops->cancel(courier->options.agent.self, each->asked);
    }
}

static void run(void *context)
{
    stele_courier *courier = context;
    trip *sent, *answered;
    while (await_news(courier, &sent, &answered)) {
        take_news(courier, sent, answered);
        if (now_ns(courier) >= courier->look_ns) look_at_all(courier);
    }
    take_news(courier, sent, answered);
    end_all(courier);
    while (courier->all != NULL) {
        await_news(courier, &sent, &answered);
        take_news(courier, sent, answered);
    }
}

/* ---- the courier ---- */

/* @locality the table's thread, or the asker's */
static void on_change(void *context)
{
    stele_courier *courier = context;
    stele_monitor_lock(&courier->monitor);
    courier->changed = true;
    stele_monitor_wake(&courier->monitor);
    stele_monitor_unlock(&courier->monitor);
}

static void release(stele_courier *courier)
{
    stele_standstills_free(courier->standstills);
    stele_asker_close(courier->asker);
    stele_monitor_clear(&courier->monitor);
    free(courier);
}

stele_status stele_courier_new(const stele_courier_options *options, stele_courier **out,
                               stele_error *err)
{
    stele_courier *courier = stele_alloc(sizeof *courier);
    courier->options = *options;
    courier->clock = stele_runtime_clock(options->runtime);
    courier->look_ns = INT64_MAX;
    courier->sent_end = &courier->sent;
    courier->answered_end = &courier->answered;
    stele_monitor_init(&courier->monitor, options->runtime);
    if (options->log != NULL) {
        courier->asker = stele_asker_open(options->log, on_change, courier);
        courier->standstills = stele_standstills_new(courier->asker);
    }
    int cause =
        stele_thread_start(options->runtime, &courier->thread, "stele-courier", run, courier);
    if (cause != 0) {
        release(courier);
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                                "no thread for calls of partitions that are elsewhere: raise the "
                                "limit of threads");
    }
    stele_owner_table_tell(options->table, on_change, courier);
    *out = courier;
    return STELE_OK;
}

void stele_courier_free(stele_courier *courier)
{
    if (courier == NULL) return;
    stele_owner_table_tell(courier->options.table, NULL, NULL);
    stele_monitor_lock(&courier->monitor);
    courier->ends = true;
    stele_monitor_wake(&courier->monitor);
    stele_monitor_unlock(&courier->monitor);
    stele_thread_join(courier->thread);
    release(courier);
}

void stele_courier_send(stele_courier *courier, const stele_errand *errand)
{
    trip *made = new_trip(courier, errand);
    stele_monitor_lock(&courier->monitor);
    *courier->sent_end = made;
    courier->sent_end = &made->next_come;
    stele_monitor_wake(&courier->monitor);
    stele_monitor_unlock(&courier->monitor);
}
