/* SPDX-License-Identifier: MIT
 * Stacks of fibers, and the switch. */
#include "testing/stack_switch.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define HAS_ASAN 1
#endif
#endif

enum { STACK_SIZE = 512 << 10, GUARD_SIZE = 4096 }; /* only what is touched takes memory */

#ifdef STELE_STACK_UCONTEXT

typedef struct halves {
    unsigned high, low;
} halves;

static halves split(const void *pointer)
{
    uint64_t bits = (uintptr_t)pointer;
    return (halves){(unsigned)(bits >> 32), (unsigned)bits};
}

static void *joined(unsigned high, unsigned low)
{
    return (void *)(uintptr_t)((uint64_t)high << 32 | low);
}

/* makecontext hands over nothing but ints. */
static void enter(unsigned run_high, unsigned run_low, unsigned high, unsigned low)
{
    void (*run)(void *) = (void (*)(void *))(uintptr_t)joined(run_high, run_low);
    run(joined(high, low));
}

static void prepare(stele_stack *stack, void (*run)(void *context), void *context)
{
    halves of_run = split((const void *)(uintptr_t)run);
    halves of_context = split(context);
    getcontext(&stack->context);
    stack->context.uc_stack.ss_sp = stack->memory;
    stack->context.uc_stack.ss_size = STACK_SIZE;
    stack->context.uc_link = NULL;
    makecontext(&stack->context, (void (*)(void))(uintptr_t)enter, 4, of_run.high, of_run.low,
                of_context.high, of_context.low);
}

static void swap(stele_stack *from, stele_stack *to)
{
    swapcontext(&from->context, &to->context);
}

#else

/* What the ABI lets a call keep goes to the old stack and comes from the new one. The very first
 * switch to a stack returns to the entry, with run in r12 and its context in rbx. */
void stele_stack_swap(void **save, void *to);
void stele_stack_entry(void);
__asm__(".text\n"
        ".globl stele_stack_swap\n"
        ".hidden stele_stack_swap\n"
        ".type stele_stack_swap,@function\n"
        "stele_stack_swap:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size stele_stack_swap,.-stele_stack_swap\n"
        ".globl stele_stack_entry\n"
        ".hidden stele_stack_entry\n"
        ".type stele_stack_entry,@function\n"
        "stele_stack_entry:\n"
        "  movq %rbx, %rdi\n"
        "  jmpq *%r12\n"
        ".size stele_stack_entry,.-stele_stack_entry\n");

static void prepare(stele_stack *stack, void (*run)(void *context), void *context)
{
    void **at = (void **)(void *)(stack->memory + STACK_SIZE);
    *--at = NULL; /* where run would return to */
    *--at = (void *)(uintptr_t)stele_stack_entry;
    *--at = NULL;                   /* rbp */
    *--at = context;                /* rbx */
    *--at = (void *)(uintptr_t)run; /* r12 */
    for (int i = 13; i <= 15; i++)
        *--at = NULL;
    stack->pointer = at;
}

static void swap(stele_stack *from, stele_stack *to)
{
    stele_stack_swap(&from->pointer, to->pointer);
}

#endif

void stele_stack_begin(stele_stack *stack, void (*run)(void *context), void *context)
{
    if (stack->memory == NULL) {
        char *made =
            mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (made == MAP_FAILED || mprotect(made, GUARD_SIZE, PROT_NONE) != 0) abort();
        stack->memory = made;
    }
    stack->bottom = stack->memory;
    stack->size = STACK_SIZE;
    stack->fake = NULL;
    prepare(stack, run, context);
}

void stele_stack_switch(stele_stack *from, stele_stack *to, bool ended)
{
#ifdef HAS_ASAN
    __sanitizer_start_switch_fiber(ended ? NULL : &from->fake, to->bottom, to->size);
#else
    (void)ended;
#endif
    swap(from, to);
}

void stele_stack_arrived(stele_stack *stack, stele_stack *from)
{
#ifdef HAS_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(stack->fake, &bottom, &size);
    if (from->bottom == NULL) { /* the real thread's, which only the sanitizer knows */
        from->bottom = bottom;
        from->size = size;
    }
#else
    (void)stack, (void)from;
#endif
}

void stele_stack_release(stele_stack *stack)
{
#ifdef HAS_ASAN
    if (stack->memory != NULL) __asan_unpoison_memory_region(stack->memory, STACK_SIZE);
#else
    (void)stack;
#endif
}

void stele_stack_free(stele_stack *stack)
{
    stele_stack_release(stack);
    if (stack->memory != NULL) munmap(stack->memory, STACK_SIZE);
    stack->memory = NULL;
}
