/* SPDX-License-Identifier: MIT
 * Requests of HTTP clients. However the bytes are cut into pieces, the same requests come out, and
 * what was read keeps its limits. The first byte says how they are cut. */
#include "core/alloc.h"
#include "server/http_reader.h"
#include "server/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 4096 };

static void must(bool is_so)
{
    if (!is_so) abort();
}

/* What a reader made of a request, as text. */
static void note_request(const stele_http_reader *reader, stele_buffer *notes)
{
    const stele_http_head *head = &reader->head;
    must(reader->body.size <= BODY_MAX && head->target[0] == '/');
    stele_buffer_format(notes, "%s %s %s %d\n", head->method, head->target,
                        head->host == NULL ? "-" : head->host, head->keeps_alive);
    for (size_t i = 0; i < head->field_count; i++)
        stele_buffer_format(notes, "%s: %s\n", head->fields[i].name, head->fields[i].value);
    stele_buffer_append(notes, stele_buffer_view(&reader->body));
    stele_http_request request = {0};
    if (stele_http_request_parse(STELE_HTTP_GET, head->target, &request, NULL) < 0) return;
    for (size_t i = 0; i < request.segment_count; i++)
        stele_buffer_format(notes, "/%s", request.segments[i]);
    for (size_t i = 0; i < request.parameter_count; i++)
        stele_buffer_format(notes, "&%s=%s", request.parameters[i].name,
                            request.parameters[i].value);
    stele_http_request_clear(&request);
}

static void read_all(stele_bytes text, size_t piece, stele_buffer *notes)
{
    stele_http_reader reader = {.body_max = BODY_MAX};
    stele_http_refusal refusal = {0};
    size_t begin = 0;
    for (size_t end = 0; end < text.size && refusal.code == 0;) {
        end = text.size - end < piece ? text.size : end + piece;
        for (stele_http_progress progress = STELE_HTTP_HEAD; progress > STELE_HTTP_MORE;) {
            size_t used;
            progress = stele_http_reader_step(
                &reader, stele_bytes_of(text.data + begin, end - begin), &used, &refusal);
            must(used <= end - begin && (progress == STELE_HTTP_REFUSED) == (refusal.code != 0));
            begin += used;
            if (progress != STELE_HTTP_DONE) continue;
            note_request(&reader, notes);
            stele_http_reader_reset(&reader);
        }
    }
    stele_buffer_format(notes, "%u %s", refusal.code, refusal.text);
    stele_http_reader_reset(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    stele_buffer whole = {0};
    stele_buffer pieces = {0};
    stele_bytes text = stele_bytes_of(data + 1, size - 1);
    read_all(text, SIZE_MAX / 2, &whole);
    read_all(text, (size_t)data[0] % 31 + 1, &pieces);
    must(stele_bytes_equal(stele_buffer_view(&whole), stele_buffer_view(&pieces)));
    stele_buffer_clear(&whole);
    stele_buffer_clear(&pieces);
    return 0;
}
