/* SPDX-License-Identifier: MIT
 * One record of a commands topic: kept, made a ticket, or made a dead letter. */
#include "aggregates/ownership_inside.h"

#include <assert.h>
#include <inttypes.h>

#include <stele/codec.h>

#include "aggregates/call.h"
#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "core/date.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"

/* ---- in memory ---- */

static stele_bytes copy(uint8_t **at, stele_bytes from)
{
    if (from.data == NULL) return from;
    stele_bytes to = stele_bytes_of(*at, from.size);
    if (from.size > 0) memcpy(*at, from.data, from.size);
    *at += from.size;
    return to;
}

mail *owner_mail_new(const stele_batch *records, const stele_record *record)
{
    size_t count = stele_log_batch_headers(records, record, NULL, 0);
    stele_header *headers = stele_alloc_array(count + 1, sizeof *headers);
    stele_log_batch_headers(records, record, headers, count);
    size_t size = sizeof(mail) + count * sizeof *headers + record->key.size + record->value.size;
    for (size_t i = 0; i < count; i++)
        size += strlen(headers[i].name) + 1 + headers[i].value.size;
    mail *made = stele_alloc(size + 1);
    made->offset = record->offset;
    made->time_ms = record->timestamp_ms;
    made->size = size;
    made->headers = (stele_header *)(made + 1);
    made->header_count = count;
    uint8_t *at = (uint8_t *)(made->headers + count);
    made->key = copy(&at, record->key);
    made->value = copy(&at, record->value);
    for (size_t i = 0; i < count; i++) {
        stele_bytes name = stele_bytes_of(headers[i].name, strlen(headers[i].name) + 1);
        made->headers[i].name = (const char *)copy(&at, name).data;
        made->headers[i].value = copy(&at, headers[i].value);
    }
    free(headers);
    return made;
}

void owner_mail_free(mail *of)
{
    if (of == NULL) return;
    free(of->failure);
    free(of);
}

/* ---- lists ---- */

void owner_mail_list_add(mail_list *list, mail *of)
{
    of->next = NULL;
    if (list->last == NULL)
        list->first = of;
    else
        list->last->next = of;
    list->last = of;
    list->count++;
    list->size += of->size;
}

mail *owner_mail_list_take(mail_list *list)
{
    mail *taken = list->first;
    if (taken == NULL) return NULL;
    list->first = taken->next;
    if (list->first == NULL) list->last = NULL;
    list->count--;
    list->size -= taken->size;
    taken->next = NULL;
    return taken;
}

void owner_mail_list_join(mail_list *list, mail_list *more)
{
    for (mail *each; (each = owner_mail_list_take(more)) != NULL;)
        owner_mail_list_add(list, each);
}

/* ---- tickets ---- */

/* No one waits for the answer: what came of it is in the log. */
static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    (void)result, (void)failure;
    owner_mail_free(context);
}

mail *owner_mail_of(const stele_ticket *ticket)
{
    return ticket->done == on_done ? ticket->context : NULL;
}

mail *owner_mail_take_back(stele_ticket *ticket)
{
    mail *of = owner_mail_of(ticket);
    assert(of != NULL);
    ticket->done = NULL;
    stele_ticket_free(ticket);
    return of;
}

static stele_bytes header(const mail *of, const char *name)
{
    for (size_t i = of->header_count; i-- > 0;)
        if (strcmp(of->headers[i].name, name) == 0) return of->headers[i].value;
    return (stele_bytes){0};
}

/* What has a zero in it is no text. */
static stele_status check_texts(const mail *of, stele_error *err)
{
    static const char *const names[] = {STELE_COMMAND_ID, STELE_COMMAND_CORRELATION,
                                        STELE_COMMAND_TRACEPARENT};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        stele_bytes value = header(of, names[i]);
        if (value.size > 0 && memchr(value.data, 0, value.size) != NULL)
            return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s is %s: a zero is in it",
                              names[i], stele_quote(value).text);
    }
    return STELE_OK;
}

static char *text_header(const mail *of, const char *name)
{
    stele_bytes value = header(of, name);
    return value.data == NULL ? NULL : stele_strndup((const char *)value.data, value.size);
}

static stele_status check(const owner_task *self, const mail *of, const stele_call *call,
                          stele_error *err)
{
    stele_status status = check_texts(of, err);
    if (status == STELE_OK) status = stele_call_check(call, err);
    if (status < 0) return status;
    int32_t partition = stele_log_partition_of(of->key, stele_worker_partition_count(self->worker));
    if (partition != self->source.index)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "%s lives in partition %d: commands are partitioned as events are, by "
                          "murmur2 of the key",
                          stele_quote(of->key).text, (int)partition);
    if (of->value.data == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "the record has no value");
    return STELE_OK;
}

static stele_status read_version(const mail *of, stele_call *call, stele_error *err)
{
    stele_bytes digits = header(of, STELE_COMMAND_EXPECTED_VERSION);
    if (digits.data == NULL) return STELE_OK;
    if (stele_parse_int64(digits, STELE_EXPECT_NEW, INT64_MAX, &call->expected_version, NULL) == 0)
        return STELE_OK;
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      STELE_COMMAND_EXPECTED_VERSION " is %s: it is a count of events, 0 for any, "
                                                     "or -1 for none",
                      stele_quote(digits).text);
}

/* Does it stay so, whatever the registry does? One that has not known a schema for long is asked
 * no more. */
static bool is_about_bytes(stele_status status, const stele_error *err)
{
    return err->next == STELE_NEXT_REJECT || status == STELE_E_INVALID ||
           status == STELE_E_INCOMPATIBLE || status == STELE_E_LIMIT ||
           (status == STELE_E_NOT_FOUND && err->next == STELE_NEXT_STOP);
}

/* To the bytes of the current type, whatever version of its schema it was written with. */
static stele_status decode(owner_task *self, const mail *of, stele_ticket_datum *datum,
                           stele_buffer *bytes, const char **code, stele_error *err)
{
    stele_decoded decoded;
    *code = "undecodable";
    stele_status status = stele_decoder_decode(self->inbox.decoder, of->value, &decoded, err);
    if (status < 0) {
        if (!is_about_bytes(status, err)) err->next = STELE_NEXT_RETRY;
        return status;
    }
    if (decoded.type == NULL) {
        *code = "unknown_command";
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_REJECT, "%s has no command %s",
                          self->of->options.aggregate->name, decoded.name);
    }
    if ((status = stele_encode(decoded.type, decoded.data, bytes, err)) < 0) return status;
    *code = "";
    *datum = (stele_ticket_datum){decoded.type, stele_buffer_view(bytes)};
    return STELE_OK;
}

stele_status owner_mail_read(owner_task *self, mail *of, stele_ticket **out, const char **code,
                             stele_error *err)
{
    STELE_AUTO(char) id = text_header(of, STELE_COMMAND_ID);
    STELE_AUTO(char) correlation = text_header(of, STELE_COMMAND_CORRELATION);
    STELE_AUTO(char) traceparent = text_header(of, STELE_COMMAND_TRACEPARENT);
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_ticket_datum datum = {0};
    if (id == NULL)
        id = stele_strdup_format("%s/%" PRId64,
                                 stele_position_format(self->inbox.commands.topic,
                                                       self->inbox.commands.index, of->offset)
                                     .text,
                                 of->time_ms);
    stele_call call = {.aggregate_id = of->key,
                       .command_id = id,
                       .correlation_id = correlation,
                       .traceparent = traceparent};
    *code = "invalid";
    stele_status status = check(self, of, &call, err);
    if (status == STELE_OK) status = read_version(of, &call, err);
    if (status == STELE_OK) status = decode(self, of, &datum, &bytes, code, err);
    if (status < 0 && err->next == STELE_NEXT_RETRY) return status;
    stele_ticket *made = stele_ticket_new(&call, &datum, status == STELE_OK ? 1 : 0);
    made->done = on_done;
    made->context = of;
    made->is_named = true;
    made->deadline = stele_deadline_after(stele_worker_clock(self->worker), -1);
    *out = made;
    return status;
}

bool owner_mail_find_sender(const mail *of, stele_bytes *sender, int64_t *number)
{
    stele_bytes digits = header(of, STELE_COMMAND_SEQUENCE);
    *sender = header(of, STELE_COMMAND_SENDER);
    return sender->size > 0 && digits.data != NULL &&
           stele_parse_int64(digits, 0, INT64_MAX, number, NULL) == STELE_OK;
}

/* ---- dead letters ---- */

void owner_mail_bury(owner_task *self, const mail *of, const char *code, const stele_error *why,
                     stele_transaction *to)
{
    char time[48];
    stele_format_timestamp(stele_clock_now_ms(stele_worker_clock(self->worker)), STELE_TIME_MILLIS,
                           time);
    STELE_AUTO(char)
    position = stele_strdup(
        stele_position_format(self->inbox.commands.topic, self->inbox.commands.index, of->offset)
            .text);
    STELE_AUTO(char)
    left_out = stele_strdup_format("%zu bytes, more than %s takes with the headers: they are at %s",
                                   of->value.size, self->inbox.dead.topic, position);
    const stele_header added[] = {
        {STELE_DEAD_CODE, stele_text(code[0] == '\0' ? stele_status_name(why->status) : code)},
        {STELE_DEAD_REASON, stele_text(why->text)},
        {STELE_DEAD_POSITION, stele_text(position)},
        {STELE_DEAD_TIME, stele_text(time)},
        {STELE_DEAD_LEFT_OUT, stele_text(left_out)}};
    size_t added_count = sizeof added / sizeof added[0] - (of->left_out > 0 ? 0 : 1);
    stele_header *headers = stele_alloc_array(of->header_count + added_count, sizeof *headers);
    size_t count = 0;
    for (size_t i = 0; i < of->header_count && of->left_out < 2;
         i++) /* of one that was sent again: not those before */
        if (strncmp(of->headers[i].name, STELE_DEAD_PREFIX, strlen(STELE_DEAD_PREFIX)) != 0)
            headers[count++] = of->headers[i];
    memcpy(headers + count, added, added_count * sizeof added[0]);
    stele_transaction_time(to, 0);
    const stele_bytes nothing = {0};
    stele_transaction_put(to, self->inbox.dead, of->left_out < 2 ? of->key : nothing,
                          of->left_out < 1 ? of->value : nothing, headers, count + added_count);
    free(headers);
}
