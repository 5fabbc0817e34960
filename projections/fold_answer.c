/* SPDX-License-Identifier: MIT
 * A partition's states, for other threads of the process: asked for by letter, copied in the
 * worker's thread, between two batches. */
#include "projections/fold_internal.h"
#include "projections/state_page.h"

/* @locality a sender's thread */
static void wake(void *worker)
{
    stele_worker_wake(worker);
}

void fold_answer_begin(fold_task *task)
{
    const stele_fold *fold = task->fold;
    if (task->box != NULL || fold->options.post == NULL) return;
    task->box = stele_mailbox_open(
        fold->options.post,
        &(stele_mailbox_options){.name = fold->group,
                                 .index = task->source.index,
                                 .count = stele_worker_partition_count(task->worker),
                                 .kind = fold->options.projection->state,
                                 .wake = wake,
                                 .context = task->worker});
}

static void answer(const fold_task *task, stele_state_letter *letter)
{
    if (letter->page != NULL) {
        stele_state_page_fill(task->states, letter->page);
        return;
    }
    const stele_type *type = task->fold->options.projection->state;
    stele_entry *entry = stele_table_find(stele_states_table(task->states), letter->id);
    letter->is_there = entry != NULL;
    if (entry == NULL) return;
    bool finished = (entry->flags & STELE_ENTRY_FINISHED) != 0;
    letter->info = (stele_state_info){entry->version, entry->offset, finished};
    stele_value_clear(type, letter->state);
    if (!finished) stele_value_copy(type, letter->state, stele_entry_state(entry));
}

void fold_answer(fold_task *task)
{
    /* Not yet compared with the log that it is read from: nothing was applied. */
    if (task->box == NULL || task->unverified) return;
    stele_letter *list = fold_pause_of(&task->base) == NULL
                             ? stele_mailbox_take(task->box, task->at.position)
                             : stele_mailbox_take_standing(task->box, task->at.position);
    if (list == NULL) return;
    for (stele_letter *each = list; each != NULL; each = each->next)
        answer(task, (stele_state_letter *)each);
    stele_probe(stele_log_runtime(task->taking.log), &(stele_fact){.what = "answered",
                                                                   .subject = task->fold->group,
                                                                   .topic = task->source.topic,
                                                                   .partition = task->source.index,
                                                                   .value = task->at.position});
    stele_mailbox_answer(task->box, list);
}

void fold_answer_end(fold_task *task)
{
    stele_mailbox_close(task->box);
    task->box = NULL;
}
