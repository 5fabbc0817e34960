/* SPDX-License-Identifier: MIT
 * A reply that comes piece by piece: from its stream to its connection, no faster than the client
 * takes it. */
#include "core/alloc.h"
#include "server/http_inside.h"

static int64_t now_ns(void)
{
    return stele_clock_monotonic_ns(stele_clock_system());
}

/* Only while something is there that the client does not take, its time runs. */
static void set_end(stele_http_server *server, stele_http_client *client)
{
    stele_http_connection *connection = &client->connection;
    connection->until_ns = INT64_MAX;
    if (connection->output.size == 0) return;
    connection->until_ns = now_ns() + (int64_t)server->options.request_ms * 1000000;
    if (connection->until_ns < server->look_ns) server->look_ns = connection->until_ns;
}

bool stele_http_stream_begin(stele_http_server *server, stele_http_client *client,
                             stele_http_reply *reply)
{
    stele_http_connection *connection = &client->connection;
    if (server->streaming_count >= server->options.connections_max / 4 * 3) return false;
    stele_http_connection_begin(connection, reply, stele_clock_now_ms(stele_clock_system()) / 1000);
    if (connection->head_only) { /* the reply's end of the stream is released with the reply */
        stele_http_enter(server, client, STELE_HTTP_WRITING);
        return true;
    }
    client->stream = reply->stream;
    reply->stream = NULL;
    stele_http_stream_attach(client->stream, stele_http_mailbox_taker(server->mailbox), client);
    stele_buffer_clear(&connection->input);
    stele_http_enter(server, client, STELE_HTTP_STREAMING);
    return true;
}

static void end(stele_http_server *server, stele_http_client *client)
{
    if (client->connection.takes_chunks)
        stele_http_connection_piece(&client->connection, stele_text(""));
    stele_http_stream_leave(client->stream);
    client->stream = NULL;
    stele_http_enter(server, client, STELE_HTTP_WRITING);
}

/* @return false: there is nothing more for now */
static bool take(stele_http_server *server, stele_http_client *client)
{
    STELE_AUTO_VALUE(stele_buffer) pieces = {0};
    bool goes_on = stele_http_stream_take(client->stream, &pieces);
    if (pieces.size > 0)
        stele_http_connection_piece(&client->connection, stele_buffer_view(&pieces));
    if (!goes_on) end(server, client);
    return !goes_on || pieces.size > 0;
}

/* @return true: all of it is on its way */
static bool send_out(stele_http_server *server, stele_http_client *client)
{
    stele_http_connection *connection = &client->connection;
    size_t written = connection->written;
    bool had_some = connection->output.size > 0;
    if (!stele_http_connection_send(connection)) {
        stele_http_drop(server, client);
        return false;
    }
    bool takes_some = !had_some || connection->written > written;
    if (connection->output.size == 0 || takes_some || connection->until_ns == INT64_MAX)
        set_end(server, client);
    return connection->output.size == 0;
}

/* One time only what is there: a maker may put more in as fast as it is sent, and the others wait.
 * What is put in later is told, and taken in its turn. */
bool stele_http_stream_on(stele_http_server *server, stele_http_client *client)
{
    if (!send_out(server, client) || !take(server, client)) return false;
    bool is_ended = client->stream == NULL; /* and the rest is written as that of any reply */
    if (!is_ended) send_out(server, client);
    return is_ended;
}

void stele_http_stream_stop(stele_http_server *server, stele_http_client *client)
{
    STELE_AUTO_VALUE(stele_buffer) pieces = {0};
    stele_http_stream_take(client->stream, &pieces);
    stele_buffer_append(&pieces, stele_text(stele_http_stream_farewell(client->stream)));
    if (pieces.size > 0)
        stele_http_connection_piece(&client->connection, stele_buffer_view(&pieces));
    end(server, client);
    stele_http_advance(server, client);
}
