/* SPDX-License-Identifier: MIT
 * Bytes of one connection, in and out. */
#include "server/http_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/alloc.h"

enum { PIECE = 16384, DROPPED_MAX = 8 << 20 };

void stele_http_connection_clear(stele_http_connection *connection)
{
    /* What a client does not take must not stay with the kernel either. */
    struct linger reset = {.l_onoff = connection->output.size > 0};
    if (reset.l_onoff) setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connection->fd >= 0) close(connection->fd);
    connection->fd = -1;
    connection->stage = STELE_HTTP_CLOSED;
    stele_http_reader_reset(&connection->reader);
    stele_buffer_clear(&connection->input);
    stele_buffer_clear(&connection->output);
}

static bool is_for_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

bool stele_http_connection_receive(stele_http_connection *connection)
{
    uint8_t *to = stele_buffer_reserve(&connection->input, PIECE);
    ssize_t size = recv(connection->fd, to, PIECE, 0);
    if (size < 0) return is_for_later();
    if (size == 0) connection->at_end = true;
    if (connection->stage == STELE_HTTP_LINGERING) {
        connection->dropped += (size_t)size;
        return size > 0 && connection->dropped < DROPPED_MAX;
    }
    connection->input.size += (size_t)size;
    if (connection->input.size == 0) stele_buffer_clear(&connection->input);
    return true;
}

bool stele_http_connection_send(stele_http_connection *connection)
{
    while (connection->written < connection->output.size) {
        ssize_t size =
            send(connection->fd, connection->output.data + connection->written,
                 connection->output.size - connection->written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size < 0) return is_for_later();
        connection->written += (size_t)size;
    }
    stele_buffer_clear(&connection->output);
    connection->written = 0;
    return true;
}

/* Drop what has been used. An idle connection keeps no memory. */
static void consume(stele_buffer *input, size_t used)
{
    if (used == 0) return;
    input->size -= used;
    if (input->size == 0) {
        stele_buffer_clear(input);
    } else {
        memmove(input->data, input->data + used, input->size);
    }
}

stele_http_progress stele_http_connection_step(stele_http_connection *connection,
                                               stele_http_refusal *refusal)
{
    size_t used;
    stele_http_progress progress = stele_http_reader_step(
        &connection->reader, stele_buffer_view(&connection->input), &used, refusal);
    consume(&connection->input, used);
    if (progress == STELE_HTTP_HEAD) {
        const stele_http_head *head = &connection->reader.head;
        connection->head_only = strcmp(head->method, "HEAD") == 0;
        connection->closes = connection->closes || !head->keeps_alive;
        connection->takes_chunks = head->takes_chunks;
    } else if (progress == STELE_HTTP_REFUSED) {
        connection->closes = true;
    }
    return progress;
}

void stele_http_connection_reply(stele_http_connection *connection, const stele_http_reply *reply,
                                 const char *content_type, int64_t now_s)
{
    stele_http_sending sending = {.content_type = content_type,
                                  .now_s = now_s,
                                  .head_only = connection->head_only,
                                  .closes = connection->closes};
    stele_http_reply_write(reply, &sending, &connection->output);
}

void stele_http_connection_begin(stele_http_connection *connection, const stele_http_reply *reply,
                                 int64_t now_s)
{
    connection->closes = true;
    stele_http_sending sending = {.now_s = now_s,
                                  .head_only = connection->head_only,
                                  .closes = true,
                                  .is_chunked = connection->takes_chunks};
    stele_http_reply_write(reply, &sending, &connection->output);
}

void stele_http_connection_piece(stele_http_connection *connection, stele_bytes piece)
{
    bool is_chunk = connection->takes_chunks;
    if (is_chunk) stele_buffer_format(&connection->output, "%zx\r\n", piece.size);
    stele_buffer_append(&connection->output, piece);
    if (is_chunk) stele_buffer_append(&connection->output, stele_text("\r\n"));
}
