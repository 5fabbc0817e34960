/* SPDX-License-Identifier: MIT
 * What may be taken again stays remembered. How far the commands of the topic are and what came of
 * them are in two partitions, and a broker that crashes can lose the end of a transaction in one of
 * them alone (producer/fenced.h). If that is the one with the record, the next owner takes those
 * commands again, of all transactions of which no later record is visible either. Those that left
 * events are known by what their aggregate remembers. So no command, call or timer pushes one out
 * of that before everyone sees a record that knows of it; no command that adds to an aggregate
 * comes after one that left nothing there before that one is in such a record; and no more are
 * taken beyond it than can be looked for among the dead letters.
 *
 * Nothing is asked as long as none of that is near. A record that does not become visible is
 * written again: the end of that transaction ends the one before, too. */
#include "aggregates/ownership_inside.h"

#include "core/alloc.h"
#include "core/bug.h"

enum {
    MARKS_MAX = 1024, /* then those of aggregates whose commands are proven are dropped */
    LATE_MS = 20,     /* what is committed is visible by then, or its end is lost */
    STUCK_MS = 5000
};

/* What is to be known of an aggregate while commands of it are not proven. */
typedef struct mark {
    int64_t last;        /* the last one that is to be recognised; -1: none */
    int64_t silent;      /* the last one that left nothing; -1: none */
    int64_t events_from; /* what they are recognised by is there already, from here on */
} mark;

static stele_clock clock_of(const owner_task *self)
{
    return stele_worker_clock(self->worker);
}

static bool is_proven(const owner_window *window)
{
    return !window->is_in_doubt && window->proven >= window->decided;
}

/* ---- taking a partition over ---- */

void owner_window_init(owner_task *self)
{
    self->inbox.window =
        (owner_window){.is_said = true, .behind = INT64_MAX, .last.at = -1, .asked.at = -1};
}

void owner_window_begin(owner_task *self)
{
    owner_window *window = &self->inbox.window;
    window->is_in_doubt = true;
    window->is_said = self->inbox.restored.count == 0;
    window->doubt_from = self->inbox.restored.events_from;
}

/* The owner before has seen no command that is not below the end by now, and has taken none that
 * are too far beyond a record that is visible. */
void owner_window_restore(owner_task *self, int64_t end)
{
    const owner_inbox *inbox = &self->inbox;
    owner_window *window = &self->inbox.window;
    window->decided = window->proven = inbox->at.next;
    window->behind = inbox->restored.next + OWNER_AHEAD_MAX;
    if (window->behind > end) window->behind = end;
    if (window->behind < inbox->past) window->behind = inbox->past;
    bool is_all = window->behind <= inbox->restored.next && inbox->restored.count == 0;
    if (is_all || !inbox->has_record) window->is_in_doubt = false;
}

void owner_window_clear(owner_task *self)
{
    stele_table_free(self->inbox.window.marks);
    self->inbox.window.marks = NULL;
}

/* What is in front of it was taken, or is none that can be. */
static bool is_past_doubt(const owner_inbox *inbox)
{
    int64_t at = inbox->waiting.first != NULL ? inbox->waiting.first->offset : inbox->read_to;
    if (at < inbox->at.next) at = inbox->at.next;
    return !inbox->window.is_in_doubt || at >= inbox->window.behind;
}

/* ---- marks ---- */

static mark *find_mark(const owner_window *window, stele_bytes id)
{
    return window->marks == NULL ? NULL : stele_table_find(window->marks, id);
}

static bool is_open(const owner_window *window, const mark *of)
{
    return of->last >= window->proven || of->silent >= window->proven;
}

static stele_table *new_marks(const owner_task *self)
{
    uint64_t seed;
    stele_random_bytes(stele_registry_runtime(self->of->options.registry), &seed, sizeof seed);
    return stele_table_new(sizeof(mark), seed);
}

static void drop_marks(owner_task *self)
{
    owner_window *window = &self->inbox.window;
    stele_table *kept = NULL;
    if (window->marks == NULL) return;
    if (window->proven < window->decided) {
        if (stele_table_count(window->marks) < MARKS_MAX) return;
        kept = new_marks(self);
        stele_table_cursor cursor = {0};
        for (mark *each; (each = stele_table_next(window->marks, &cursor)) != NULL;)
            if (is_open(window, each))
                *(mark *)stele_table_insert(kept, stele_table_key(window->marks, each), NULL) =
                    *each;
    }
    stele_table_free(window->marks);
    window->marks = kept;
}

/* What a repeat is recognised by was there before, or is in flight. */
static int64_t recognised_by(const owner_task *self, const unit *repeat, int64_t position)
{
    stele_entry *entry = owner_find_entry(self, repeat->ticket->aggregate_id);
    const stele_remembered_command *found = owner_find_remembered(self, entry, repeat->ticket);
    return found != NULL && found->offset < position ? found->offset : position;
}

void owner_window_see(owner_task *self, const mail *of, const unit *made, bool is_silent,
                      int64_t position)
{
    owner_window *window = &self->inbox.window;
    bool is_first = window->proven >= window->decided;
    if (is_first && window->events_from < position) window->events_from = position;
    window->decided = of->offset + 1;
    if (made->as.count == 0 && !made->is_repeat && !is_silent) return;
    bool is_new;
    if (window->marks == NULL) window->marks = new_marks(self);
    mark *to = stele_table_insert(window->marks, of->key, &is_new);
    if (is_new || !is_open(window, to)) *to = (mark){-1, -1, INT64_MAX};
    if (is_silent)
        to->silent = of->offset;
    else
        to->last = of->offset;
    int64_t from = made->is_repeat ? recognised_by(self, made, position) : INT64_MAX;
    if (from < to->events_from) to->events_from = from;
}

void owner_window_drop(owner_task *self, int64_t from)
{
    owner_window *window = &self->inbox.window;
    if (window->decided > from) window->decided = from;
}

/* ---- what waits ---- */

/* The first event by which a command of the aggregate may have to be recognised; INT64_MAX: none.
 * Of those that the owner before has taken none is behind a command of the topic that adds
 * something: it would have been recognised, as that has, too. */
static int64_t first_event(const owner_window *window, stele_bytes id, bool is_mail)
{
    bool is_in_doubt = is_mail ? !window->is_said : window->is_in_doubt;
    int64_t from = is_in_doubt ? window->doubt_from : INT64_MAX;
    const mark *of = find_mark(window, id);
    if (of == NULL || of->last < window->proven) return from;
    if (window->events_from < from) from = window->events_from;
    return of->events_from < from ? of->events_from : from;
}

/* @return as stele_remembered_forgets */
static int64_t forgets(const owner_task *self, stele_entry *entry, const stele_overlay_entry *over,
                       size_t more, int64_t time_ms)
{
    static const stele_remembered none;
    const stele_remembered_limits *limits = &self->of->limits;
    const stele_remembered *of =
        entry == NULL ? &none : stele_states_companion(self->states, entry);
    bool is_old = over != NULL && limits->age_max_ms != 0 && time_ms > over->since_ms &&
                  time_ms - over->since_ms > limits->age_max_ms;
    if (is_old) return INT64_MAX;
    size_t in_flight = over == NULL ? 0 : over->units;
    return stele_remembered_forgets(of, limits, in_flight + more, time_ms);
}

static bool wait(owner_window *window)
{
    window->is_wanted = window->is_full = true;
    return false;
}

/* A command of the topic that was taken before is recognised, so that it adds nothing; and those
 * behind one that was not were not. So it may push out whatever is not of this owner. */
bool owner_window_has_room(owner_task *self, stele_ticket *ticket, stele_entry *entry,
                           const stele_overlay_entry *over, int64_t time_ms)
{
    owner_window *window = &self->inbox.window;
    if (self->inbox.commands.topic == NULL || is_proven(window)) return true;
    if (STELE_BUG("the window is left before the record is visible")) return true;
    bool is_mail = owner_mail_of(ticket) != NULL;
    bool is_first = window->is_said && window->proven >= window->decided;
    if (is_first && is_mail) return true;
    int64_t from = first_event(window, ticket->aggregate_id, is_mail);
    if (from == INT64_MAX) return true;
    if (forgets(self, entry, over, 1, time_ms) >= from) return wait(window);
    size_t soon = 1 + self->of->limits.count_max / 2;
    if (!window->is_wanted) window->is_wanted = forgets(self, entry, over, soon, time_ms) >= from;
    return true;
}

bool owner_window_takes(owner_task *self, const mail *of)
{
    owner_window *window = &self->inbox.window;
    if (of->offset < window->proven + OWNER_AHEAD_MAX / 2) return true;
    window->is_wanted = true;
    return of->offset < window->proven + OWNER_AHEAD_MAX ? true : wait(window);
}

bool owner_window_has_silent(owner_task *self, const mail *of)
{
    owner_window *window = &self->inbox.window;
    const mark *found = find_mark(window, of->key);
    return found != NULL && found->silent >= window->proven && found->silent < of->offset;
}

void owner_window_wait(owner_task *self)
{
    (void)wait(&self->inbox.window);
}

/* If commands came on and on, a call might wait forever. */
bool owner_window_takes_mail(const owner_task *self)
{
    const owner_window *window = &self->inbox.window;
    return !(window->holds_calls || window->holds_timers) || !is_past_doubt(&self->inbox);
}

/* ---- records ---- */

int64_t owner_window_events_from(const owner_task *self)
{
    const owner_inbox *inbox = &self->inbox;
    return is_past_doubt(inbox) ? stele_fold_position(self->fold) : inbox->restored.events_from;
}

bool owner_window_is_past_doubt(const owner_task *self)
{
    return is_past_doubt(&self->inbox);
}

void owner_window_commit(owner_task *self, const inbox_record *record)
{
    owner_window *window = &self->inbox.window;
    if (window->last.at < 0) window->has_waited = false;
    window->last = *record;
    window->late = stele_deadline_after(clock_of(self), LATE_MS);
}

static void prove(owner_task *self, const inbox_record *seen)
{
    owner_window *window = &self->inbox.window;
    if (seen->next > window->proven) window->proven = seen->next;
    if (seen->is_past_doubt) window->is_in_doubt = false;
    if (seen->events > window->events_from) window->events_from = seen->events;
    if (window->last.at == seen->at) window->last.at = STELE_OFFSET_NONE;
    window->is_said = true;
    window->is_wanted = window->has_waited = false;
    self->inbox.awaits_record = false;
    drop_marks(self);
}

/* The next turn's transaction has one. */
static void write_again(owner_task *self)
{
    self->inbox.owes = true;
    owner_building(self);
}

static bool is_on_its_way(const owner_task *self)
{
    for (const batch *of = self->first; of != NULL; of = of->next)
        if (of->state == BATCH_SUBMITTED && of->is_sealed) return true;
    return false;
}

static stele_status fail_stuck(const owner_task *self, stele_error *err)
{
    return stele_fail(
        err, STELE_E_TIMED_OUT, STELE_NEXT_ABORT,
        "the record of how far the commands of %s/%d are carried out was committed in "
        "%s/%d and does not become visible: the partition is taken again, which ends "
        "its transaction",
        self->inbox.commands.topic, (int)self->inbox.commands.index,
        stele_fold_snapshots(self->of->options.fold), (int)self->source.index);
}

/* Is the last one visible by now? */
static stele_status look(owner_task *self, bool waits, stele_error *err)
{
    owner_window *window = &self->inbox.window;
    int64_t visible;
    if (window->asked.at < 0) window->asked = window->last;
    stele_status status = owner_ask_record_visible(self, &visible, err);
    if (status < 0) return err->text[0] == '\0' ? STELE_OK : status;
    inbox_record asked = window->asked;
    window->asked.at = STELE_OFFSET_NONE;
    if (visible > asked.at) {
        prove(self, &asked);
        return STELE_OK;
    }
    if (waits && stele_deadline_passed(window->stuck)) return fail_stuck(self, err);
    if (stele_deadline_passed(window->late) && !is_on_its_way(self)) write_again(self);
    window->asked = window->last;
    (void)owner_ask_record_visible(self, &visible, err); /* and again */
    return STELE_OK;
}

stele_status owner_window_tick(owner_task *self, stele_error *err)
{
    owner_window *window = &self->inbox.window;
    bool waits = window->is_full;
    window->is_full = false;
    if (!waits || !window->has_waited)
        window->stuck = stele_deadline_after(clock_of(self), STUCK_MS);
    window->has_waited = waits;
    if (!window->is_wanted) return STELE_OK;
    if (window->last.at >= 0 || window->asked.at >= 0) return look(self, waits, err);
    if (waits && !is_on_its_way(self)) write_again(self);
    return STELE_OK;
}
