/* SPDX-License-Identifier: MIT
 * Requests in a line, and the thread that carries them out. A connection that was lost is made
 * again with the next request: with setup and statements of all projections that it has. */
#include "projections/sql_desk.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "core/date.h"
#include "core/monitor.h"
#include "core/names.h"
#include "core/text.h"
#include "projections/sql_value.h"

enum { MANY_ROWS = 500 /* that go to the database as one statement */ };

struct stele_sql_guest {
    const stele_sql_file *file; /* borrowed */
    char *group;
    size_t **statements; /* of the store, by block and statement */
    stele_sql_guest *next;
};

typedef enum request_kind {
    REQUEST_ADMIT = 0,
    REQUEST_DISMISS,
    REQUEST_RESET,
    REQUEST_CLAIM,
    REQUEST_READ,
    REQUEST_LETTERS,
    REQUEST_STORE
} request_kind;

struct stele_sql_request {
    request_kind kind;
    stele_sql_desk *desk;
    stele_sql_request *next;
    bool is_answered;
    bool is_forgotten;

    const stele_sql_file *file;      /* ADMIT, DISMISS, RESET */
    const stele_sql_return *returns; /* RESET; borrowed until the answer */
    size_t return_count;
    bool rows_stay;
    stele_sql_guest *guest; /* the others; of ADMIT the answer */
    stele_partition source;
    void (*wake)(void *context);
    void *context;
    int32_t partitions;
    char genesis[37];
    int64_t term;
    int64_t from;
    stele_sql_parcel *parcel; /* owned */
    stele_sql_answer answer;
};

struct stele_sql_desk {
    stele_runtime runtime;
    stele_sql_store *store;
    stele_monitor monitor;
    stele_thread thread;
    bool has_thread;
    bool ends;
    stele_sql_request *first, **last;

    /* The thread's own. */
    bool is_open;
    int64_t opening;         /* how often it was opened */
    stele_sql_guest *guests; /* admitted, in their order */
};

/* ---- guests ---- */

static stele_sql_setup script_of(const stele_sql_file *file, const stele_sql_script *script)
{
    return (stele_sql_setup){file->name, file->version, script->text};
}

/* A failure with the line that it is about, if it is about one. */
static stele_status fail_at(const stele_sql_file *file, int line, const stele_error *why,
                            stele_error *err)
{
    if (line == 0) {
        *err = *why;
        return why->status;
    }
    return stele_fail_cause(err, why->status, why->next, why->cause, "%s:%d: %s", file->path, line,
                            why->text);
}

#define NOWHERE SIZE_MAX

static stele_status run_script(stele_sql_desk *desk, const stele_sql_file *file, bool is_setup,
                               stele_error *err)
{
    const stele_sql_script *script = is_setup ? &file->setup : &file->teardown;
    stele_sql_setup of = script_of(file, script);
    size_t at = NOWHERE;
    stele_error why;
    stele_status status = is_setup ? stele_sql_store_setup(desk->store, &of, &at, &why)
                                   : stele_sql_store_teardown(desk->store, &of, &at, &why);
    if (status == STELE_OK) return STELE_OK;
    return fail_at(file, at == NOWHERE ? 0 : stele_sql_line_of(script->text, script->line, at),
                   &why, err);
}

static stele_status prepare_one(stele_sql_desk *desk, const stele_sql_file *file,
                                const stele_sql_statement *statement, size_t *out, stele_error *err)
{
    size_t at = 0, count = statement->parameter_count;
    stele_error why;
    stele_sql_type *types = stele_alloc_array(count + 1, sizeof *types);
    for (size_t i = 0; i < count; i++)
        types[i] = statement->parameters[i].type;
    stele_sql_query query = {statement->text, types, count, statement->takes_arrays};
    stele_status status = stele_sql_store_prepare(desk->store, &query, out, &at, &why);
    free(types);
    if (status == STELE_OK) return STELE_OK;
    int line =
        why.next == STELE_NEXT_STOP ? stele_sql_line_of(statement->text, statement->line, at) : 0;
    return fail_at(file, line, &why, err);
}

static stele_status prepare_all(stele_sql_desk *desk, stele_sql_guest *guest, stele_error *err)
{
    const stele_sql_file *file = guest->file;
    stele_status status = run_script(desk, file, true, err);
    for (size_t i = 0; i < file->block_count; i++)
        for (size_t k = 0; status == STELE_OK && k < file->blocks[i].statement_count; k++)
            status = prepare_one(desk, file, &file->blocks[i].statements[k],
                                 &guest->statements[i][k], err);
    return status;
}

static stele_sql_guest *guest_new(const stele_sql_file *file)
{
    stele_sql_guest *guest = stele_alloc(sizeof *guest);
    guest->file = file;
    guest->group = stele_projection_group(file->name, file->version);
    guest->statements = stele_alloc_array(file->block_count + 1, sizeof *guest->statements);
    for (size_t i = 0; i < file->block_count; i++)
        guest->statements[i] =
            stele_alloc_array(file->blocks[i].statement_count + 1, sizeof(size_t));
    return guest;
}

static void guest_free(stele_sql_guest *guest, size_t block_count)
{
    for (size_t i = 0; i < block_count; i++)
        free(guest->statements[i]);
    free(guest->statements);
    free(guest->group);
    free(guest);
}

/* ---- the connection ---- */

static void disconnect(stele_sql_desk *desk)
{
    stele_sql_store_close(desk->store);
    desk->is_open = false;
}

static stele_status connect_store(stele_sql_desk *desk, stele_error *err)
{
    if (desk->is_open) return STELE_OK;
    desk->opening++;
    stele_status status = stele_sql_store_open(desk->store, err);
    for (stele_sql_guest *guest = desk->guests; guest != NULL && status == STELE_OK;
         guest = guest->next)
        status = prepare_all(desk, guest, err);
    if (status < 0)
        disconnect(desk);
    else
        desk->is_open = true;
    return status;
}

/* ---- storing ---- */

static stele_status fail_row(stele_sql_request *request, const stele_sql_row *row,
                             const stele_sql_step *step, const stele_error *why, stele_error *err)
{
    if (why->next != STELE_NEXT_STOP) {
        *err = *why;
        return why->status;
    }
    const stele_sql_file *file = request->guest->file;
    stele_error *said = &request->answer.why;
    stele_fail_cause(said, why->status, why->next, why->cause, "%s:%d: %s", file->path,
                     file->blocks[row->block].statements[row->statement].line, why->text);
    return stele_fail_cause(
        err, why->status, why->next, why->cause,
        "%s, at the event %s: nothing of it is stored; correct the statement or the table, and "
        "start again",
        said->text,
        stele_position_format(request->source.topic, request->source.index, step->mark.last_offset)
            .text);
}

/* How many rows from that one on go together. */
static size_t count_together(const stele_sql_request *request, size_t first, size_t end)
{
    const stele_sql_row *rows = request->parcel->rows;
    const stele_sql_row *of = &rows[first];
    size_t count = 1;
    if (!request->guest->file->blocks[of->block].statements[of->statement].takes_arrays) return 1;
    while (first + count < end && count < MANY_ROWS && rows[first + count].block == of->block &&
           rows[first + count].statement == of->statement)
        count++;
    return count;
}

static stele_status execute_rows(stele_sql_desk *desk, const stele_sql_request *request,
                                 size_t from, size_t end, stele_error *err)
{
    const stele_sql_value *values[MANY_ROWS];
    stele_status status = STELE_OK;
    for (size_t i = from, count; i < end && status == STELE_OK; i += count) {
        const stele_sql_row *row = &request->parcel->rows[i];
        size_t statement = request->guest->statements[row->block][row->statement];
        count = count_together(request, i, end);
        for (size_t k = 0; k < count; k++)
            values[k] = row[k].values;
        status = count == 1 && !request->guest->file->blocks[row->block]
                                    .statements[row->statement]
                                    .takes_arrays
                     ? stele_sql_store_execute(desk->store, statement, row->values, row->count, err)
                     : stele_sql_store_execute_many(desk->store, statement, values, count,
                                                    row->count, err);
    }
    return status;
}

/* What people see of it is written beside it. */
static stele_status keep_letter(stele_sql_desk *desk, const stele_sql_place *place,
                                const stele_sql_step *step, stele_error *err)
{
    char failed_at[STELE_DATE_TEXT_MAX + 1];
    stele_sql_letter letter = {.offset = step->offset};
    if (step->letter == STELE_SQL_LETTER_REMOVE)
        return stele_sql_store_keep(desk->store, place, &letter, err);
    STELE_AUTO(stele_dead_event) event = NULL;
    stele_status status = stele_dead_event_read(step->offset, step->kept, &event, err);
    if (status < 0) return status;
    bool is_text = event->key.data != NULL && stele_utf8_is_valid(event->key) &&
                   memchr(event->key.data, 0, event->key.size) == NULL;
    STELE_AUTO(char)
    id = is_text ? stele_strndup((const char *)event->key.data, event->key.size) : NULL;
    stele_format_timestamp(event->first_failed_ms, STELE_TIME_MILLIS, failed_at);
    letter.value = step->kept;
    letter.id = id;
    letter.code = stele_dead_state_name(event->state);
    letter.reason = event->reason;
    letter.attempts = event->attempts;
    letter.first_failed_at = failed_at;
    return stele_sql_store_keep(desk->store, place, &letter, err);
}

static stele_status keep_letters(stele_sql_desk *desk, const stele_sql_request *request, size_t end,
                                 stele_error *err)
{
    stele_status status = STELE_OK;
    const stele_sql_parcel *parcel = request->parcel;
    stele_sql_place place = {request->guest->group, request->source};
    for (size_t i = parcel->first; i < end && status == STELE_OK; i++)
        if (parcel->steps[i].letter != STELE_SQL_LETTER_NONE)
            status = keep_letter(desk, &place, &parcel->steps[i], err);
    return status;
}

static size_t rows_before(const stele_sql_parcel *parcel, size_t step)
{
    return step == 0 ? 0 : parcel->steps[step - 1].rows_end;
}

/* @param failed  the step that the failure is about, if it is about one */
static stele_status explain(const stele_sql_desk *desk, stele_sql_request *request,
                            const stele_error *why, size_t *failed, stele_error *err)
{
    const stele_sql_parcel *parcel = request->parcel;
    size_t row = desk->store->failed, step = parcel->first;
    if (row == STELE_SQL_NO_STATEMENT) {
        *err = *why;
        return why->status;
    }
    row += rows_before(parcel, step);
    while (row >= parcel->steps[step].rows_end)
        step++;
    *failed = step;
    return fail_row(request, &parcel->rows[row], &parcel->steps[step], why, err);
}

static stele_status begin(stele_sql_desk *desk, const stele_sql_request *request,
                          const stele_mark *to, stele_error *err)
{
    stele_sql_place place = {request->guest->group, request->source};
    stele_status status =
        stele_sql_store_begin(desk->store, &place, request->term, request->from, to, err);
    if (status < 0 || !STELE_BUG("position before rows")) return status;
    if ((status = stele_sql_store_commit(desk->store, err)) < 0) return status;
    return stele_sql_store_begin(desk->store, &place, request->term, to->position, to, err);
}

/* The steps up to `end` in one transaction. */
static stele_status store_steps(stele_sql_desk *desk, stele_sql_request *request, size_t end,
                                size_t *failed, stele_error *err)
{
    const stele_sql_parcel *parcel = request->parcel;
    const stele_sql_step *last = &parcel->steps[end - 1];
    stele_error why;
    stele_status status = begin(desk, request, &last->mark, err);
    if (status < 0) return status;
    status = execute_rows(desk, request, rows_before(parcel, parcel->first), last->rows_end, &why);
    if (status == STELE_OK && !STELE_BUG("letters are not stored with their position"))
        status = keep_letters(desk, request, end, &why);
    if (status < 0)
        stele_sql_store_rollback(desk->store);
    else
        status = stele_sql_store_commit(desk->store, &why);
    return status < 0 ? explain(desk, request, &why, failed, err) : STELE_OK;
}

/* What is before an event that fails is stored all the same, so that the position is its own. */
static void store(stele_sql_desk *desk, stele_sql_request *request)
{
    stele_sql_answer *answer = &request->answer;
    const stele_sql_parcel *parcel = request->parcel;
    size_t end = parcel->end == 0 ? parcel->step_count : parcel->end;
    while (end > parcel->first) {
        stele_error failure = {0};
        size_t failed = end;
        if (store_steps(desk, request, end, &failed, &failure) == STELE_OK) {
            answer->steps = end - parcel->first;
            return;
        }
        answer->error = failure;
        answer->is_about_step = failure.next == STELE_NEXT_STOP && failed < end;
        if (!answer->is_about_step) return;
        end = failed;
    }
}

/* ---- reading ---- */

static void keep_row(void *context, const stele_sql_value *values, size_t count)
{
    stele_sql_parcel *parcel = context;
    stele_sql_value *kept = stele_arena_take(parcel->arena, (count + 1) * sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        bool is_text = values[i].kind >= STELE_SQL_TEXT;
        kept[i] = is_text ? stele_sql_value_keep(parcel->arena, values[i].kind, values[i].as.bytes)
                          : values[i];
    }
    stele_sql_parcel_add_row(parcel, &(stele_sql_row){.values = kept, .count = count});
}

static void read_rows(stele_sql_desk *desk, stele_sql_request *request)
{
    const stele_sql_row *query = &request->parcel->rows[0];
    stele_sql_parcel *found = stele_sql_parcel_new();
    stele_error *failure = &request->answer.error;
    size_t statement = request->guest->statements[query->block][query->statement];
    if (stele_sql_store_read(desk->store, statement, query->values, query->count, keep_row, found,
                             failure) < 0) {
        stele_sql_parcel_free(found);
        return;
    }
    *failure = (stele_error){0};
    stele_sql_parcel_free(request->parcel);
    request->parcel = found;
}

static void keep_found(void *context, int64_t offset, stele_bytes value)
{
    stele_sql_parcel *parcel = context;
    stele_sql_parcel_add_letter(
        parcel, &(stele_mark){0}, offset,
        stele_sql_value_keep(parcel->arena, STELE_SQL_BYTES, value).as.bytes);
}

static void read_letters(stele_sql_desk *desk, stele_sql_request *request)
{
    stele_sql_place place = {request->guest->group, request->source};
    stele_error *failure = &request->answer.error;
    request->parcel = stele_sql_parcel_new();
    if (stele_sql_store_letters(desk->store, &place, keep_found, request->parcel, failure) ==
        STELE_OK)
        *failure = (stele_error){0};
}

/* ---- carrying out ---- */

static void admit(stele_sql_desk *desk, stele_sql_request *request)
{
    stele_sql_guest *guest = guest_new(request->file);
    if (prepare_all(desk, guest, &request->answer.error) < 0) {
        guest_free(guest, request->file->block_count);
        return;
    }
    request->answer.error = (stele_error){0};
    stele_sql_guest **end = &desk->guests;
    while (*end != NULL)
        end = &(*end)->next;
    *end = request->guest = guest;
}

static void reset(stele_sql_desk *desk, stele_sql_request *request)
{
    const stele_sql_file *file = request->file;
    bool rows_stay = request->rows_stay || STELE_BUG("a reset that counts twice");
    STELE_AUTO(char) group = stele_projection_group(file->name, file->version);
    const stele_sql_reset of = {.setup = script_of(file, &file->setup),
                                .group = group,
                                .teardown = rows_stay ? NULL : file->teardown.text,
                                .returns = request->returns,
                                .return_count = request->return_count};
    size_t at = NOWHERE;
    stele_error why;
    if (stele_sql_store_reset(desk->store, &of, &at, &why) == STELE_OK) {
        request->answer.error = (stele_error){0};
        return;
    }
    const stele_sql_script *script = &file->teardown;
    fail_at(file, at == NOWHERE ? 0 : stele_sql_line_of(script->text, script->line, at), &why,
            &request->answer.error);
}

static void claim(stele_sql_desk *desk, stele_sql_request *request)
{
    stele_sql_place place = {request->guest->group, request->source};
    stele_error failure = {0};
    stele_sql_store_claim(desk->store, &place, request->partitions, request->genesis,
                          &request->answer.claim, &failure);
    request->answer.error = failure;
}

static void carry_out(stele_sql_desk *desk, stele_sql_request *request)
{
    stele_error *failure = &request->answer.error;
    if (connect_store(desk, failure) < 0) return;
    request->answer.opening = desk->opening;
    switch (request->kind) {
    case REQUEST_ADMIT:
        admit(desk, request);
        break;
    case REQUEST_DISMISS:
        if (run_script(desk, request->file, false, failure) == STELE_OK)
            *failure = (stele_error){0};
        break;
    case REQUEST_RESET:
        reset(desk, request);
        break;
    case REQUEST_CLAIM:
        claim(desk, request);
        break;
    case REQUEST_READ:
        read_rows(desk, request);
        break;
    case REQUEST_LETTERS:
        read_letters(desk, request);
        break;
    case REQUEST_STORE:
        store(desk, request);
        break;
    }
    if (failure->status < 0 && failure->next == STELE_NEXT_ABORT) disconnect(desk);
}

static void request_free(stele_sql_request *request)
{
    stele_sql_parcel_free(request->parcel);
    free(request);
}

/* The monitor is held. */
static void answer(stele_sql_desk *desk, stele_sql_request *request)
{
    if (request->is_forgotten) {
        request_free(request);
        return;
    }
    request->is_answered = true;
    stele_monitor_wake(&desk->monitor);
    if (request->wake != NULL) request->wake(request->context);
}

static void run(void *context)
{
    stele_sql_desk *desk = context;
    stele_deadline never = stele_deadline_after(stele_runtime_clock(desk->runtime), -1);
    stele_monitor_lock(&desk->monitor);
    for (;;) {
        while (!desk->ends && desk->first == NULL)
            stele_monitor_wait(&desk->monitor, never);
        if (desk->ends) break;
        stele_sql_request *request = desk->first;
        desk->first = request->next;
        if (desk->first == NULL) desk->last = &desk->first;
        if (request->is_forgotten) { /* a claim would take the partition from its new owner */
            request_free(request);
            continue;
        }
        stele_monitor_unlock(&desk->monitor);
        carry_out(desk, request);
        stele_monitor_lock(&desk->monitor);
        answer(desk, request);
    }
    stele_monitor_unlock(&desk->monitor);
}

/* ---- the desk ---- */

stele_sql_desk *stele_sql_desk_open(stele_runtime runtime, stele_sql_store *of)
{
    stele_sql_desk *desk = stele_alloc(sizeof *desk);
    desk->runtime = runtime;
    desk->store = of;
    desk->last = &desk->first;
    stele_monitor_init(&desk->monitor, runtime);
    return desk;
}

const char *stele_sql_desk_shown(const stele_sql_desk *desk)
{
    return stele_sql_store_name(desk->store);
}

void stele_sql_desk_close(stele_sql_desk *desk)
{
    if (desk == NULL) return;
    stele_monitor_lock(&desk->monitor);
    desk->ends = true;
    stele_sql_store_end(desk->store);
    stele_monitor_wake(&desk->monitor);
    stele_monitor_unlock(&desk->monitor);
    if (desk->has_thread) stele_thread_join(desk->thread);
    for (stele_sql_request *each = desk->first, *next; each != NULL; each = next) {
        next = each->next;
        if (each->is_forgotten) request_free(each);
    }
    stele_sql_store_free(desk->store);
    for (stele_sql_guest *each = desk->guests, *next; each != NULL; each = next) {
        next = each->next;
        guest_free(each, each->file->block_count);
    }
    stele_monitor_clear(&desk->monitor);
    free(desk);
}

/* Without a thread to be had the request is answered so. */
static void submit(stele_sql_desk *desk, stele_sql_request *request)
{
    request->desk = desk;
    stele_monitor_lock(&desk->monitor);
    int cause = 0;
    if (!desk->has_thread) {
        cause = stele_thread_start(desk->runtime, &desk->thread, "stele-sql", run, desk);
        desk->has_thread = cause == 0;
    }
    if (cause != 0) {
        stele_fail_cause(&request->answer.error, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                         "no thread for the database: raise the limit of threads");
        request->is_answered = true;
    } else {
        *desk->last = request;
        desk->last = &request->next;
        stele_monitor_wake(&desk->monitor);
    }
    stele_monitor_unlock(&desk->monitor);
}

static stele_status call(stele_sql_desk *desk, const stele_sql_request *what,
                         stele_sql_guest **guest, stele_error *err)
{
    stele_sql_request *request = stele_alloc(sizeof *request);
    stele_deadline never = stele_deadline_after(stele_runtime_clock(desk->runtime), -1);
    *request = *what;
    submit(desk, request);
    stele_monitor_lock(&desk->monitor);
    while (!request->is_answered)
        stele_monitor_wait(&desk->monitor, never);
    stele_monitor_unlock(&desk->monitor);
    stele_status status = request->answer.error.status;
    if (status < 0 && err != NULL) *err = request->answer.error;
    if (status == STELE_OK && guest != NULL) *guest = request->guest;
    request_free(request);
    return status;
}

stele_status stele_sql_desk_admit(stele_sql_desk *desk, const stele_sql_file *file,
                                  stele_sql_guest **out, stele_error *err)
{
    return call(desk, &(stele_sql_request){.kind = REQUEST_ADMIT, .file = file}, out, err);
}

stele_status stele_sql_desk_dismiss(stele_sql_desk *desk, const stele_sql_file *file,
                                    stele_error *err)
{
    return call(desk, &(stele_sql_request){.kind = REQUEST_DISMISS, .file = file}, NULL, err);
}

stele_status stele_sql_desk_reset(stele_sql_desk *desk, const stele_sql_file *file, bool rows_stay,
                                  const stele_sql_return *returns, size_t count, stele_error *err)
{
    const stele_sql_request what = {.kind = REQUEST_RESET,
                                    .file = file,
                                    .returns = returns,
                                    .return_count = count,
                                    .rows_stay = rows_stay};
    return call(desk, &what, NULL, err);
}

/* ---- for tasks ---- */

static stele_sql_request *request_of(const stele_sql_caller *caller, request_kind kind)
{
    stele_sql_request *request = stele_alloc(sizeof *request);
    request->kind = kind;
    request->guest = caller->guest;
    request->source = caller->source;
    request->wake = caller->wake;
    request->context = caller->context;
    return request;
}

stele_sql_request *stele_sql_desk_claim(stele_sql_desk *desk, const stele_sql_caller *caller,
                                        int32_t partitions, const char *genesis)
{
    stele_sql_request *request = request_of(caller, REQUEST_CLAIM);
    request->partitions = partitions;
    snprintf(request->genesis, sizeof request->genesis, "%s", genesis);
    submit(desk, request);
    return request;
}

stele_sql_request *stele_sql_desk_read(stele_sql_desk *desk, const stele_sql_caller *caller,
                                       stele_sql_parcel *parcel)
{
    stele_sql_request *request = request_of(caller, REQUEST_READ);
    request->parcel = parcel;
    submit(desk, request);
    return request;
}

stele_sql_request *stele_sql_desk_letters(stele_sql_desk *desk, const stele_sql_caller *caller)
{
    stele_sql_request *request = request_of(caller, REQUEST_LETTERS);
    submit(desk, request);
    return request;
}

stele_sql_request *stele_sql_desk_store(stele_sql_desk *desk, const stele_sql_caller *caller,
                                        int64_t term, int64_t from, stele_sql_parcel *parcel)
{
    stele_sql_request *request = request_of(caller, REQUEST_STORE);
    request->term = term;
    request->from = from;
    request->parcel = parcel;
    submit(desk, request);
    return request;
}

bool stele_sql_request_take(stele_sql_request **request, stele_sql_answer *out,
                            stele_sql_parcel **parcel)
{
    stele_sql_request *from = *request;
    stele_sql_desk *desk = from->desk;
    stele_monitor_lock(&desk->monitor);
    bool answered = from->is_answered;
    stele_monitor_unlock(&desk->monitor);
    if (!answered) return false;
    *out = from->answer;
    if (parcel != NULL) *parcel = from->parcel;
    from->parcel = NULL;
    request_free(from);
    *request = NULL;
    return true;
}

void stele_sql_request_forget(stele_sql_request *request)
{
    if (request == NULL) return;
    stele_sql_desk *desk = request->desk;
    stele_monitor_lock(&desk->monitor);
    bool answered = request->is_answered;
    request->is_forgotten = true;
    request->wake = NULL;
    stele_monitor_unlock(&desk->monitor);
    if (answered) request_free(request);
}
