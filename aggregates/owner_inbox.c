/* SPDX-License-Identifier: MIT
 * The commands topic of a partition: read as far as there is room, each command decided on in its
 * order, and how far that is written down in the transaction with what came of it. */
#include "aggregates/ownership_inside.h"

#include <assert.h>
#include <inttypes.h>

#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/names.h"

enum {
    WAITING_MAX = 1024, /* commands read ahead; then nothing is read until half of them are done */
    WAITING_BYTES_MAX = 8 << 20,
    STEPS_MAX = 256,  /* that may not be visible … */
    DEAD_MAX = 16384, /* … and dead letters in them, but for those of one transaction more */
    SCHEMA_MISSING_MS = 5000, /* a command whose schema no one knows holds up the others */
    TIDY_MS = 1000,           /* after the last command: what was written down is made short */
    HANGS_MS = 5000,          /* dead letters that are committed are visible by then, or never */
    SAY_MS = 10000            /* dead letters are counted in the log that often */
};

static stele_clock clock_of(const owner_task *self)
{
    return stele_worker_clock(self->worker);
}

void owner_inbox_init(owner_task *self)
{
    const stele_ownership *of = self->of;
    if (of->commands_topic == NULL) return;
    self->inbox.commands = (stele_partition){of->commands_topic, self->source.index};
    self->inbox.dead = (stele_partition){of->dead_topic, self->source.index};
    self->inbox.said_ns = INT64_MIN;
    owner_window_init(self);
    stele_decoder_new(&(stele_decoder_options){.registry = of->options.registry,
                                               .types = of->command_types,
                                               .missing_timeout_ms = SCHEMA_MISSING_MS},
                      &self->inbox.decoder);
}

void owner_inbox_stop(owner_task *self)
{
    owner_inbox *inbox = &self->inbox;
    stele_log_reader *reader = stele_worker_reader(self->worker);
    if (inbox->reader != NULL && inbox->reader == reader)
        stele_log_reader_stop(reader, inbox->commands);
    inbox->reader = NULL;
    for (mail *each; (each = owner_mail_list_take(&inbox->waiting)) != NULL;)
        owner_mail_free(each);
}

void owner_inbox_clear(owner_task *self)
{
    owner_inbox_stop(self);
    stele_inbox_clear(&self->inbox.at);
    stele_inbox_clear(&self->inbox.restored);
    owner_window_clear(self);
    free(self->inbox.found);
    stele_decoder_free(self->inbox.decoder);
}

/* ---- restoring ---- */

/* Is the event there that a step was to add? Another one may have its version since. */
static bool is_there(const owner_task *self, const stele_inbox_step *step)
{
    if (step->witness.size == 0 || STELE_BUG("what was aborted counts as carried out")) return true;
    stele_entry *entry = owner_find_entry(self, stele_buffer_view(&step->witness));
    if (entry == NULL) return step->ends;
    if (entry->version < step->version) return false;
    const stele_remembered *of = stele_states_companion(self->states, entry);
    const stele_remembered_command *made_it = stele_remembered_at(of, step->version);
    return made_it == NULL ||
           memcmp(made_it->first_id.bytes, step->event.bytes, sizeof step->event.bytes) == 0;
}

/* By the states as they are restored, before anything else is decided: were the events of a step
 * aborted, the next ones take their versions. */
stele_status owner_inbox_begin(owner_task *self, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    stele_bytes written = stele_fold_commands(self->fold);
    if (inbox->commands.topic == NULL || written.data == NULL ||
        STELE_BUG("commands go by the group's offset"))
        return STELE_OK;
    if (!stele_inbox_read(written, &inbox->restored))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s/%d: the record of how far the commands of %s/%d are carried out is "
                          "damaged, or a newer version of Stele has written it: run that one",
                          stele_fold_snapshots(self->of->options.fold), (int)self->source.index,
                          inbox->commands.topic, (int)inbox->commands.index);
    inbox->has_record = true;
    for (size_t i = 0; i < inbox->restored.count; i++)
        inbox->restored.steps[i].is_lost = !is_there(self, &inbox->restored.steps[i]);
    /* Whatever is appended from now on goes with a record that has them still: what they rest on
     * may change. */
    inbox->at.next = stele_inbox_read_from(&inbox->restored);
    inbox->at.dead_from = inbox->restored.dead_from;
    if (!STELE_BUG("senders are not restored")) {
        inbox->at.senders = inbox->restored.senders;
        inbox->restored.senders = (stele_senders){0};
    }
    inbox->past = inbox->restored.next;
    inbox->owes = inbox->restored.count > 0;
    owner_window_begin(self);
    return STELE_OK;
}

static void warn(const owner_task *self, int64_t position, const char *message, const char *reason)
{
    stele_worker_warn(self->worker, self->source.index, position, message, reason);
}

static void take_found(owner_inbox *inbox, const inbox_found *there)
{
    inbox->found = stele_alloc_array(there->found_count + 1, sizeof(int64_t));
    inbox->found_count = STELE_BUG("dead letters are not looked for") ? 0 : there->found_count;
    inbox->past = inbox->restored.next;
    if (there->found_count == 0) return;
    memcpy(inbox->found, there->found, there->found_count * sizeof(int64_t));
    int64_t behind = there->found[there->found_count - 1] + 1;
    if (behind > inbox->past) inbox->past = behind;
}

/* Is there a command that was to be taken in what retention has deleted? */
static bool are_gone(const owner_inbox *inbox, const inbox_found *there, int64_t from)
{
    const stele_inbox *restored = &inbox->restored;
    if (from == 0 || from >= there->start) return false;
    if (restored->next < there->start) return true;
    for (size_t i = 0; i < restored->count; i++) {
        const stele_inbox_step *step = &restored->steps[i];
        for (int64_t at = step->from; at < step->next && at < there->start; at++)
            if (stele_inbox_judge(restored, at, there->found, there->found_count) !=
                STELE_INBOX_TAKEN)
                return true;
    }
    return false;
}

/* What is before it is of no interest any more. A topic of dead letters that was made again is read
 * from its beginning. */
static int64_t dead_from(const owner_inbox *inbox, const inbox_found *there)
{
    if (inbox->restored.count == 0 && inbox->found_count == 0) return there->dead_end;
    bool is_new = inbox->restored.dead_from > there->dead_end;
    return is_new ? there->dead_start : inbox->restored.dead_from;
}

/* What the owner before had taken and what may not be there is read again. Where there is no
 * record no command was taken by it: the topic of the snapshots is new, as after the aggregate's
 * version was raised, and the group has the offset. */
static stele_status restore(owner_task *self, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    inbox_found there;
    stele_status status = owner_ask_inbox(self, &there, err);
    if (status < 0 && err->text[0] != '\0') inbox->waits = *err;
    if (status < 0 && inbox->waits.status < 0) *err = inbox->waits; /* while it is asked again */
    if (status < 0) return err->status;
    inbox->waits = (stele_error){0};
    if (there.group_offset >= 0) inbox->restored.next = there.group_offset;
    int64_t from = stele_inbox_from(&inbox->restored);
    int64_t begin = inbox->has_record && inbox->at.next < from ? inbox->at.next : from;
    bool is_new = inbox->restored.next > there.end;
    if (is_new) {
        warn(self, from, "commands topic made anew",
             "it ends before the last command that was carried out: it is read from its beginning");
        stele_inbox_clear(&inbox->restored);
        begin = there.start;
        there.found_count = 0; /* of the topic before */
        inbox->restored.dead_from = there.dead_end;
    } else if (are_gone(inbox, &there, from)) {
        warn(self, from, "commands are gone",
             "they were deleted before they were carried out: raise retention.ms of the topic");
    }
    take_found(inbox, &there);
    inbox->at.next = begin > there.start ? begin : there.start;
    inbox->at.dead_from = dead_from(inbox, &there);
    bool is_to_be_written = is_new || !inbox->has_record;
    inbox->tidy = stele_deadline_after(clock_of(self), is_to_be_written ? 0 : TIDY_MS);
    inbox->owes = inbox->owes || is_to_be_written;
    inbox->awaits_record = !inbox->has_record && !STELE_BUG("commands go by the group's offset");
    inbox->is_restored = true;
    owner_window_restore(self, is_new ? 0 : there.stable_end);
    return STELE_OK;
}

/* Has it taken again all that is to be? */
static bool is_past_restored(const owner_inbox *inbox)
{
    return inbox->at.next >= inbox->past;
}

/* ---- reading ---- */

static int64_t read_from(const owner_inbox *inbox)
{
    return inbox->waiting.last == NULL ? inbox->at.next : inbox->waiting.last->offset + 1;
}

static void hold(owner_inbox *inbox, bool held)
{
    if (inbox->is_held == held) return;
    stele_log_reader_hold(inbox->reader, inbox->commands, held);
    inbox->is_held = held;
}

/* The worker may have another reader than the last time. */
static stele_status read_on(owner_task *self, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    stele_log_reader *reader = stele_worker_reader(self->worker);
    if (inbox->reader != reader) {
        stele_status status =
            stele_log_reader_start(reader, inbox->commands, read_from(inbox), err);
        if (status < 0) return status;
        inbox->reader = reader;
        inbox->is_held = false;
    }
    const mail_list *waiting = &inbox->waiting;
    if (waiting->count >= WAITING_MAX || waiting->size >= WAITING_BYTES_MAX)
        hold(inbox, true);
    else if (waiting->count <= WAITING_MAX / 2 && waiting->size <= WAITING_BYTES_MAX / 2)
        hold(inbox, false);
    return STELE_OK;
}

stele_status owner_inbox_take(owner_task *self, const stele_batch *records, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    if (inbox->reader == NULL) return STELE_OK; /* it is being given up */
    if (records->status < 0) {
        *err = records->error; /* the partition is not read any more: it is looked at again */
        err->next = STELE_NEXT_ABORT;
        return records->status;
    }
    int64_t from = read_from(inbox);
    for (size_t i = 0; i < records->count; i++)
        if (records->records[i].offset >= from)
            owner_mail_list_add(&inbox->waiting, owner_mail_new(records, &records->records[i]));
    if (records->next_offset > inbox->read_to) inbox->read_to = records->next_offset;
    return read_on(self, err);
}

/* ---- deciding ---- */

/* In the batch that is being built. */
static stele_inbox_step *step_of(owner_task *self, batch *to, int64_t offset)
{
    owner_inbox *inbox = &self->inbox;
    stele_inbox_step *last = inbox->at.count == 0 ? NULL : &inbox->at.steps[inbox->at.count - 1];
    if (to->steps > 0 && last->next == offset) {
        stele_inbox_extend(last, offset);
        return last;
    }
    to->steps++;
    return stele_inbox_add(&inbox->at, offset);
}

static void bury(owner_task *self, batch *to, stele_inbox_step *step, const mail *of, unit *as)
{
    as->is_buried = true;
    as->first_record = stele_transaction_count(to->transaction);
    owner_mail_bury(self, of, as->code, as->failure, to->transaction);
    stele_inbox_add_dead(step, of->offset);
    owner_say(self, "buries");
}

static void fail(owner_task *self, stele_ticket *ticket, const char *code,
                 const stele_error *failure)
{
    unit *made = owner_add_unit(self, owner_building(self), ticket);
    made->failure = stele_alloc(sizeof *failure);
    *made->failure = *failure;
    memcpy(made->code, code, strlen(code) + 1);
}

/* Its unit is the last one of the batch that is being built, then. @return false: it waits */
static bool decide(owner_task *self, mail *of, stele_ticket *ticket, const char *code,
                   const stele_error *failure)
{
    batch *to = self->last;
    unit **before = to == NULL || to->state != BATCH_BUILT ? NULL : to->end;
    int64_t position = stele_fold_position(self->fold);
    bool is_decided = failure->status == STELE_OK && of->failure == NULL;
    if (failure->status < 0)
        fail(self, ticket, code, failure);
    else if (of->failure != NULL)
        fail(self, ticket, "", of->failure);
    else if (!owner_serve_ticket(self, ticket))
        return false;
    to = owner_building(self);
    unit *made = before == NULL ? to->first : *before;
    assert(made != NULL && owner_mail_of(made->ticket) == of);
    stele_inbox_step *step = step_of(self, to, of->offset);
    self->inbox.at.next = of->offset + 1;
    if (made->failure != NULL) bury(self, to, step, of, made);
    bool is_silent = is_decided && made->as.count == 0 && !made->is_repeat;
    owner_window_see(self, of, made, is_silent, position);
    return true;
}

/* What left nothing among the events is decided on again if the record that knows of it is lost.
 * Then nothing may have changed but what was changed before it. */
static bool waits_for_record(owner_task *self, const mail *of, stele_ticket *ticket)
{
    if (!owner_window_has_silent(self, of) || !owner_would_append(self, ticket)) return false;
    owner_window_wait(self);
    return true;
}

static size_t count_dead(const stele_inbox *of)
{
    size_t count = 0;
    for (size_t i = 0; i < of->count; i++)
        count += of->steps[i].dead_count;
    return count;
}

/* Also in the record of how far they are. */
static bool has_room(const owner_task *self)
{
    const owner_inbox *inbox = &self->inbox;
    return !self->settles && owner_has_room(self) && owner_window_takes_mail(self) &&
           inbox->at.count < STEPS_MAX && count_dead(&inbox->at) < DEAD_MAX;
}

/* Was it sent before, by one who numbers what it sends? Asked once of each that is read, in order:
 * one that is given back was not. */
static bool is_repeat(owner_inbox *inbox, mail *of)
{
    stele_bytes sender;
    int64_t number;
    if (of->is_seen) return false;
    of->is_seen = true;
    if (!owner_mail_find_sender(of, &sender, &number)) return false;
    bool is_new = stele_senders_see(&inbox->at.senders, sender, number, of->offset);
    return !is_new && !STELE_BUG("repeat of a sender is carried out");
}

/* It was refused by an owner before: so it is, whatever has changed since. */
static void refuse_again(mail *of)
{
    of->failure = stele_alloc(sizeof *of->failure);
    stele_fail(of->failure, STELE_E_REJECTED, STELE_NEXT_REJECT,
               "it was refused when it was decided on, and the dead letter that said why was lost "
               "with a broker: send it again if it is still wanted");
}

/* Also after an abort, which goes back to the first one that it undoes: those behind it that had
 * been taken before do not come again. */
static void go_past_taken(owner_inbox *inbox)
{
    const mail *next = inbox->waiting.first;
    if (next != NULL && next->offset < inbox->taken_to) return;
    if (inbox->at.next < inbox->taken_to) inbox->at.next = inbox->taken_to;
}

size_t owner_inbox_serve(owner_task *self, size_t count_max)
{
    owner_inbox *inbox = &self->inbox;
    size_t served = 0;
    while (served < count_max && inbox->waiting.first != NULL && has_room(self)) {
        mail *first = inbox->waiting.first;
        stele_inbox_verdict verdict =
            stele_inbox_judge(&inbox->restored, first->offset, inbox->found, inbox->found_count);
        bool was_taken =
            verdict == STELE_INBOX_TAKEN || (verdict == STELE_INBOX_REFUSED &&
                                             STELE_BUG("a lost dead letter is not written again"));
        was_taken = is_repeat(inbox, first) || was_taken;
        stele_ticket *ticket = NULL;
        const char *code = "";
        stele_error failure = {0};
        if (!was_taken && !owner_window_takes(self, first)) break;
        if (verdict == STELE_INBOX_REFUSED && first->failure == NULL) refuse_again(first);
        if (!was_taken && owner_mail_read(self, first, &ticket, &code, &failure) < 0 &&
            ticket == NULL) {
            inbox->waits = failure;
            return served;
        }
        bool is_fine = failure.status == STELE_OK && first->failure == NULL;
        bool waits = ticket != NULL && is_fine && waits_for_record(self, first, ticket);
        if (!was_taken && (waits || !decide(self, first, ticket, code, &failure))) {
            owner_mail_take_back(ticket);
            break;
        }
        owner_mail_list_take(&inbox->waiting);
        if (was_taken) {
            inbox->taken_to = first->offset + 1;
            owner_mail_free(first);
            go_past_taken(inbox);
        }
        served++;
    }
    go_past_taken(inbox);
    inbox->waits = (stele_error){0};
    return served;
}

/* ---- writing down ---- */

/* Of an aggregate that lives on, if there is one. */
static const unit *find_witness(const batch *of)
{
    const unit *found = NULL;
    for (const unit *each = of->first; each != NULL; each = each->next)
        if (each->as.count > 0 && (found == NULL || !each->entry->is_finished)) found = each;
    return found;
}

static void add_witness(owner_task *self, const batch *of)
{
    const unit *witness = find_witness(of);
    if (witness == NULL) return;
    stele_inbox *at = &self->inbox.at;
    for (size_t i = at->count - of->steps; i < at->count; i++) {
        stele_buffer_append(&at->steps[i].witness, witness->ticket->aggregate_id);
        at->steps[i].version = witness->as.version;
        at->steps[i].event = witness->as.first_id;
        at->steps[i].ends = witness->entry->is_finished && witness->as.version > witness->as.count;
    }
}

void owner_inbox_seal(owner_task *self, batch *of)
{
    owner_inbox *inbox = &self->inbox;
    if (of->is_sealed || (of->steps == 0 && !inbox->owes)) return;
    of->is_sealed = true;
    add_witness(self, of);
    STELE_AUTO(char) key = stele_commands_key(inbox->commands.topic, inbox->commands.index);
    stele_buffer *value = &self->of->value;
    stele_buffer_reset(value);
    stele_senders_begin_at(&inbox->at.senders, stele_inbox_from(&inbox->at));
    inbox->at.events_from = owner_window_events_from(self);
    of->record =
        (inbox_record){.next = inbox->at.next, .is_past_doubt = owner_window_is_past_doubt(self)};
    stele_inbox_write(&inbox->at, &inbox->restored, value);
    const char *snapshots = stele_fold_snapshots(self->of->options.fold);
    stele_transaction_time(of->transaction, 0);
    stele_transaction_put(of->transaction, (stele_partition){snapshots, self->source.index},
                          stele_text(key), stele_buffer_view(value), NULL, 0);
    inbox->owes = inbox->at.count > 0 || !is_past_restored(inbox);
    /* For tools: who restores goes by the record. */
    stele_log_group *group = stele_log_member_group(stele_worker_member(self->worker));
    if (group != NULL)
        stele_transaction_offset(of->transaction, group, inbox->commands, inbox->at.next);
}

/* The first step of a batch. */
static size_t first_step(const owner_task *self, const batch *of)
{
    size_t first = self->inbox.settled;
    for (const batch *each = self->first; each != of; each = each->next)
        first += each->steps;
    return first;
}

/* Where the last record of it in a topic is. */
static int64_t last_in(const stele_transaction *transaction, const char *topic)
{
    for (size_t i = stele_transaction_count(transaction); i-- > 0;) {
        stele_position at = stele_transaction_position(transaction, i);
        if (strcmp(at.partition.topic, topic) == 0) return at.offset;
    }
    return STELE_OFFSET_NONE;
}

void owner_inbox_commit(owner_task *self, const batch *done, const stele_transaction *transaction)
{
    size_t first = first_step(self, done);
    int64_t dead_last = last_in(transaction, self->inbox.dead.topic);
    for (size_t i = first; i < first + done->steps; i++)
        self->inbox.at.steps[i].dead_last = dead_last;
    inbox_record record = done->record;
    record.at = last_in(transaction, stele_fold_snapshots(self->of->options.fold));
    record.events = done->is_somewhere ? done->submitted_at : done->last_offset + 1;
    owner_window_commit(self, &record);
}

static void drop_settled(owner_inbox *inbox, stele_clock clock)
{
    size_t count = 0;
    while (count < inbox->settled && inbox->at.steps[count].dead_count == 0)
        count++;
    stele_inbox_drop_first(&inbox->at, count);
    inbox->settled -= count;
    if (count > 0) inbox->tidy = stele_deadline_after(clock, TIDY_MS);
    if (inbox->settled == 0) inbox->awaits_dead = false;
}

void owner_inbox_settle(owner_task *self, const batch *visible)
{
    self->inbox.settled += visible->steps;
    if (visible->steps > 0) drop_settled(&self->inbox, clock_of(self));
}

/* Dead letters of what is visible may not be: their partition is another one. */
static stele_status look_at_dead(owner_task *self, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    if (inbox->settled == 0) return STELE_OK;
    if (!inbox->awaits_dead) inbox->hangs = stele_deadline_after(clock_of(self), HANGS_MS);
    inbox->awaits_dead = true;
    int64_t visible;
    stele_status status = owner_ask_dead_visible(self, &visible, err);
    if (status < 0) return err->text[0] == '\0' ? STELE_OK : status;
    bool moved = false;
    for (size_t i = 0; i < inbox->settled; i++) {
        stele_inbox_step *step = &inbox->at.steps[i];
        if (step->dead_count == 0 || step->dead_last >= visible) break;
        inbox->dead_count += (int64_t)step->dead_count;
        step->dead_count = 0;
        if (is_past_restored(inbox) && step->dead_last >= inbox->at.dead_from)
            inbox->at.dead_from = step->dead_last + 1;
        moved = true;
    }
    drop_settled(inbox, clock_of(self));
    if (moved) inbox->awaits_dead = false;
    if (inbox->settled == 0 || moved || !stele_deadline_passed(inbox->hangs)) return STELE_OK;
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_ABORT,
                      "dead letters that were committed in %s/%d do not become visible: the "
                      "partition is taken again, which ends their transaction",
                      inbox->dead.topic, (int)inbox->dead.index);
}

void owner_inbox_drop(owner_task *self, size_t steps, bool was_sealed)
{
    stele_inbox *at = &self->inbox.at;
    self->inbox.owes = self->inbox.owes || was_sealed;
    if (steps == 0) return;
    at->next = at->steps[at->count - steps].from;
    owner_window_drop(self, at->next);
    stele_inbox_drop_last(at, steps);
}

void owner_inbox_return(owner_task *self, mail_list *mails)
{
    owner_mail_list_join(mails, &self->inbox.waiting);
    self->inbox.waiting = *mails;
    *mails = (mail_list){0};
}

/* ---- in each turn ---- */

static bool is_to_be_tidied(const owner_task *self)
{
    const owner_inbox *inbox = &self->inbox;
    return inbox->owes && inbox->at.count == 0 && self->first == NULL && is_past_restored(inbox) &&
           stele_deadline_passed(inbox->tidy);
}

/* If the first record were lost with what it says, only the group would know of it. */
static stele_status await_record(owner_task *self, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    if (inbox->awaits_record) owner_window_wait(self);
    stele_status status = owner_window_tick(self, err);
    return status < 0 || !inbox->awaits_record ? status : stele_task_not_yet(err);
}

static void say_dead(owner_task *self)
{
    owner_inbox *inbox = &self->inbox;
    int64_t now_ns = stele_clock_monotonic_ns(clock_of(self));
    if (inbox->dead_count == inbox->dead_said ||
        (inbox->said_ns != INT64_MIN && now_ns - inbox->said_ns < (int64_t)SAY_MS * 1000000))
        return;
    STELE_AUTO(char)
    text = stele_strdup_format("%" PRId64 " commands since this partition was taken, %" PRId64
                               " since the last count: %s says why, in stele_dead_reason",
                               inbox->dead_count, inbox->dead_count - inbox->dead_said,
                               inbox->dead.topic);
    stele_worker_warn(self->worker, self->source.index, inbox->at.next, "dead letters", text);
    inbox->dead_said = inbox->dead_count;
    inbox->said_ns = now_ns;
}

/* For the simulation: all before that is done, and everyone sees it. */
static void say_taken(const owner_task *self)
{
    const owner_inbox *inbox = &self->inbox;
    stele_probe(stele_registry_runtime(self->of->options.registry),
                &(stele_fact){.what = "commands",
                              .subject = inbox->commands.topic,
                              .topic = inbox->commands.topic,
                              .partition = inbox->commands.index,
                              .value = stele_inbox_from(&inbox->at)});
}

stele_status owner_inbox_tick(owner_task *self, stele_error *err)
{
    owner_inbox *inbox = &self->inbox;
    stele_status status;
    if (inbox->commands.topic == NULL) return STELE_OK;
    if (!inbox->is_restored && (status = restore(self, err)) < 0) return status;
    if ((status = await_record(self, err)) < 0) return status;
    if ((status = read_on(self, err)) < 0) return status;
    if ((status = look_at_dead(self, err)) < 0) return status;
    say_dead(self);
    say_taken(self);
    if (is_to_be_tidied(self)) owner_building(self);
    if (inbox->waits.status == STELE_OK) return STELE_OK;
    *err = inbox->waits;
    return err->status;
}
