/* SPDX-License-Identifier: MIT
 * A request on its way: to its handler, in whichever thread, and its answer back to the loop, also
 * one that was promised and comes when no one waits for it any more. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/alloc.h"
#include "server/http_inside.h"

/* ---- the mailbox ---- */

stele_http_mailbox *stele_http_mailbox_new(void)
{
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0) return NULL;
    stele_http_mailbox *mailbox = stele_alloc(sizeof *mailbox);
    mailbox->wake = wake;
    mailbox->users = 1;
    stele_monitor_init(&mailbox->monitor, stele_runtime_system());
    return mailbox;
}

/* With the lock held, which is released. */
static void leave(stele_http_mailbox *mailbox)
{
    bool is_last = --mailbox->users == 0;
    stele_monitor_unlock(&mailbox->monitor);
    if (!is_last) return;
    close(mailbox->wake);
    stele_monitor_clear(&mailbox->monitor);
    free(mailbox);
}

void stele_http_mailbox_close(stele_http_mailbox *mailbox)
{
    if (mailbox == NULL) return;
    stele_monitor_lock(&mailbox->monitor);
    stele_http_asked *left = mailbox->answered;
    mailbox->is_closed = true;
    leave(mailbox);
    while (left != NULL) {
        stele_http_asked *next = left->next;
        stele_http_asked_free(left);
        left = next;
    }
}

stele_http_asked *stele_http_mailbox_take(stele_http_mailbox *mailbox)
{
    stele_monitor_lock(&mailbox->monitor);
    stele_http_asked *asked = mailbox->answered;
    mailbox->answered = NULL;
    stele_monitor_unlock(&mailbox->monitor);
    return asked;
}

/* With the lock held. */
static void unlink_stream(stele_http_mailbox *mailbox, stele_http_stream *stream)
{
    stele_http_stream_place *place = stele_http_stream_place_of(stream);
    stele_http_stream *previous = place->previous;
    stele_http_stream *next = place->next;
    *(previous != NULL ? &stele_http_stream_place_of(previous)->next : &mailbox->told) = next;
    *(next != NULL ? &stele_http_stream_place_of(next)->previous : &mailbox->told_last) = previous;
    *place = (stele_http_stream_place){0};
}

stele_http_stream *stele_http_mailbox_take_stream(stele_http_mailbox *mailbox)
{
    stele_monitor_lock(&mailbox->monitor);
    stele_http_stream *stream = mailbox->told;
    if (stream != NULL) unlink_stream(mailbox, stream);
    stele_monitor_unlock(&mailbox->monitor);
    return stream;
}

static void tell(void *self, stele_http_stream *stream)
{
    stele_http_mailbox *mailbox = self;
    stele_http_stream_place *place = stele_http_stream_place_of(stream);
    stele_monitor_lock(&mailbox->monitor);
    if (!place->is_taken) {
        *place = (stele_http_stream_place){.previous = mailbox->told_last, .is_taken = true};
        if (mailbox->told == NULL) {
            eventfd_write(mailbox->wake, 1);
            mailbox->told = stream;
        } else {
            stele_http_stream_place_of(mailbox->told_last)->next = stream;
        }
        mailbox->told_last = stream;
    }
    stele_monitor_unlock(&mailbox->monitor);
}

static void forget(void *self, stele_http_stream *stream)
{
    stele_http_mailbox *mailbox = self;
    stele_monitor_lock(&mailbox->monitor);
    if (stele_http_stream_place_of(stream)->is_taken) unlink_stream(mailbox, stream);
    stele_monitor_unlock(&mailbox->monitor);
}

stele_http_stream_taker stele_http_mailbox_taker(stele_http_mailbox *mailbox)
{
    return (stele_http_stream_taker){tell, forget, mailbox};
}

/* With the lock held: one of its users is done. @return true: the last one, so the answer is there
 */
static bool settle(stele_http_asked *asked)
{
    return --asked->users == 0;
}

/* With the lock held. @return false: there is no one to take it out */
static bool put(stele_http_mailbox *mailbox, stele_http_asked *asked)
{
    if (mailbox->is_closed) return false;
    if (mailbox->answered == NULL) eventfd_write(mailbox->wake, 1);
    asked->next = mailbox->answered;
    mailbox->answered = asked;
    return true;
}

/* ---- promises ---- */

static void promise(void *self)
{
    stele_http_asked *asked = self;
    stele_monitor_lock(&asked->mailbox->monitor);
    asked->is_promised = true;
    asked->users++;
    asked->mailbox->users++;
    stele_monitor_unlock(&asked->mailbox->monitor);
}

static void answer(void *self, stele_http_reply *reply)
{
    stele_http_asked *asked = self;
    stele_http_mailbox *mailbox = asked->mailbox;
    asked->promised = *reply;
    *reply = (stele_http_reply){0};
    stele_monitor_lock(&mailbox->monitor);
    bool is_orphan = settle(asked) && !put(mailbox, asked);
    leave(mailbox);
    if (is_orphan) stele_http_asked_free(asked);
}

/* ---- the handler ---- */

bool stele_http_asked_run(stele_http_asked *asked)
{
    stele_http_mailbox *mailbox = asked->mailbox;
    asked->route->handler(asked->api->context, &asked->request, &asked->reply);
    stele_monitor_lock(&mailbox->monitor);
    bool is_there = settle(asked);
    stele_monitor_unlock(&mailbox->monitor);
    return is_there;
}

/* In a thread of the pool. */
static void run(stele_work *work)
{
    stele_http_asked *asked = (stele_http_asked *)work; /* its first member */
    stele_http_mailbox *mailbox = asked->mailbox;
    if (!stele_http_asked_run(asked)) return;
    stele_monitor_lock(&mailbox->monitor);
    put(mailbox, asked);
    stele_monitor_unlock(&mailbox->monitor);
}

stele_http_asked *stele_http_asked_new(stele_http_server *server, stele_http_client *client,
                                       const stele_http_api *api, const stele_http_route *route,
                                       stele_http_request *request)
{
    stele_http_reader *reader = &client->connection.reader;
    stele_http_asked *asked = stele_alloc(sizeof *asked);
    *asked = (stele_http_asked){
        .work = {.run = run, .waits = route->work == STELE_HTTP_WAITS},
        .mailbox = server->mailbox,
        .client = client,
        .route = route,
        .api = api,
        .request = *request,
        .head = reader->head,
        .body = reader->body,
        .users = 1,
    };
    *request = (stele_http_request){0};
    reader->head = (stele_http_head){0};
    reader->body = (stele_buffer){0};
    asked->request.fields = asked->head.fields;
    asked->request.field_count = asked->head.field_count;
    asked->request.body = stele_buffer_view(&asked->body);
    asked->request.asker = (stele_http_asker){promise, answer, asked};
    return asked;
}

stele_http_reply *stele_http_asked_reply(stele_http_asked *asked)
{
    return asked->is_promised ? &asked->promised : &asked->reply;
}

void stele_http_asked_free(stele_http_asked *asked)
{
    stele_http_request_clear(&asked->request);
    stele_http_reply_clear(&asked->promised);
    stele_http_reply_clear(&asked->reply);
    stele_http_head_clear(&asked->head);
    stele_buffer_clear(&asked->body);
    free(asked);
}
