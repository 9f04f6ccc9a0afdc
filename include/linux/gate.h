/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gate: what stands between user entry points and state that goes away
 *
 * Whoever wants to touch the state behind a gate enters the gate and leaves it
 * again.  Whoever takes the state away closes the gate, which refuses all
 * newcomers and wakes those that sleep inside, and drains it, which waits
 * until the last one has left.  After that nobody is inside and nobody will
 * ever be: the state can be freed, and the code that serves it unloaded.
 *
 * The gate itself must outlive every attempt to enter.  It therefore belongs
 * in the half of an object that an open file keeps (the *skin*), never in the
 * half that it guards.
 *
 * Entering is a try: it never blocks, so it may be done under any lock,
 * mmap_lock included, and it may nest.  A reader-writer semaphore cannot do
 * this: a queued writer blocks new readers, so a nested entry, an entry from a
 * page fault or a sleeper inside would deadlock.
 *
 * Words: *inside* between gate_enter() and gate_exit(); *shut* closed, with
 * possibly some still inside; *drained* shut and empty.
 */
#ifndef _LINUX_GATE_H
#define _LINUX_GATE_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/**
 * struct gate - guards state that may be taken away while others use it
 * @users: the owner's share plus one for everyone inside
 * @shut: set once, never cleared; newcomers are refused from then on
 * @idle: completed when the last share is dropped
 * @wq: sleepers inside wait here and are woken when the gate shuts; may also
 *      serve other events of the object (see gate_wait_event())
 * @lock: protects @inside; leaf, taken with interrupts disabled
 * @inside: the &struct gate_pass of everyone inside
 * @dep_map: what lockdep sees: entering is a recursive read try-lock, draining
 *           is a write lock, so that a drain under a lock that someone inside
 *           may want is reported
 */
struct gate {
	refcount_t users;
	bool shut;
	struct completion idle;
	wait_queue_head_t wq;
	/** @lock: protects @inside; leaf, taken with interrupts disabled */
	spinlock_t lock;
	struct list_head inside;
#ifdef CONFIG_DEBUG_LOCK_ALLOC
	struct lockdep_map dep_map;
#endif
};

/**
 * struct gate_pass - one visit; lives on the visitor's stack
 * @node: entry in &gate.inside
 * @task: who is inside
 */
struct gate_pass {
	struct list_head node;
	struct task_struct *task;
};

static inline void __gate_init(struct gate *gate, const char *name,
			       struct lock_class_key *key)
{
	refcount_set(&gate->users, 1);
	gate->shut = false;
	init_completion(&gate->idle);
	init_waitqueue_head(&gate->wq);
	spin_lock_init(&gate->lock);
	INIT_LIST_HEAD(&gate->inside);
	lockdep_init_map(&gate->dep_map, name, key, 0);
}

/**
 * gate_init() - make an open gate
 * @gatep: the gate, in memory that outlives every attempt to enter
 *
 * Context: Any.
 */
#define gate_init(gatep)					\
do {								\
	static struct lock_class_key __key;			\
								\
	__gate_init(gatep, #gatep, &__key);			\
} while (0)

/**
 * gate_is_shut() - has gate_close() been called?
 * @gate: the gate
 *
 * Context: Any.
 * Return: true once the gate is shut; it stays so.
 */
static inline bool gate_is_shut(struct gate *gate)
{
	/* Pairs with the release in gate_close(). */
	return smp_load_acquire(&gate->shut);
}

static inline void __gate_put(struct gate *gate)
{
	if (refcount_dec_and_test(&gate->users))
		complete_all(&gate->idle);
}

/**
 * gate_enter() - try to go inside
 * @gate: the gate
 * @pass: caller's memory for the visit, until gate_exit()
 *
 * The test of @shut after the count has been taken is what makes a drain end:
 * a stream of nested or overlapping visits cannot keep the count up for ever,
 * because every one that starts after the gate was shut backs out.
 *
 * Context: Any; never blocks, may nest.
 * Return: true if inside, to be left by gate_exit(); false if shut.
 */
static inline bool gate_enter(struct gate *gate, struct gate_pass *pass)
{
	unsigned long flags;

	if (!refcount_inc_not_zero(&gate->users))
		return false;
	if (gate_is_shut(gate)) {
		__gate_put(gate);
		return false;
	}
	pass->task = current;
	spin_lock_irqsave(&gate->lock, flags);
	list_add_tail(&pass->node, &gate->inside);
	spin_unlock_irqrestore(&gate->lock, flags);
	lock_acquire_shared_recursive(&gate->dep_map, 0, 1, NULL, _THIS_IP_);
	return true;
}

/**
 * gate_exit() - leave
 * @gate: the gate
 * @pass: what gate_enter() filled
 *
 * The caller must not touch what the gate guards after this.
 *
 * Context: Any.  By the task that entered.
 */
static inline void gate_exit(struct gate *gate, struct gate_pass *pass)
{
	unsigned long flags;

	lock_release(&gate->dep_map, _THIS_IP_);
	spin_lock_irqsave(&gate->lock, flags);
	list_del(&pass->node);
	spin_unlock_irqrestore(&gate->lock, flags);
	__gate_put(gate);
}

/**
 * gate_close() - refuse newcomers and wake the sleepers inside
 * @gate: the gate
 *
 * Idempotent; does not wait.  Only the owner calls it.
 *
 * Context: Process context, not inside the gate.
 */
static inline void gate_close(struct gate *gate)
{
	if (gate_is_shut(gate))
		return;
	/* Pairs with gate_is_shut(). */
	smp_store_release(&gate->shut, true);
	wake_up_all(&gate->wq);
	__gate_put(gate);
}

/**
 * gate_drain_timeout() - wait until nobody is inside a closed gate
 * @gate: the gate, after gate_close()
 * @timeout: jiffies, or MAX_SCHEDULE_TIMEOUT
 *
 * Context: May sleep.  Not inside the gate, no lock held that someone inside
 *          may want, mmap_lock included.
 * Return: true if drained.
 */
static inline bool gate_drain_timeout(struct gate *gate, long timeout)
{
	might_sleep();
	lock_acquire_exclusive(&gate->dep_map, 0, 0, NULL, _THIS_IP_);
	lock_release(&gate->dep_map, _THIS_IP_);
	return wait_for_completion_timeout(&gate->idle, timeout) > 0;
}

/**
 * gate_shut() - close the gate and wait until nobody is inside
 * @gate: the gate
 *
 * Context: May sleep; see gate_drain_timeout().
 */
static inline void gate_shut(struct gate *gate)
{
	gate_close(gate);
	gate_drain_timeout(gate, MAX_SCHEDULE_TIMEOUT);
}

/**
 * gate_kill_inside() - send SIGKILL to every user task still inside
 * @gate: the gate, after gate_close()
 * @report: called for each with @data, or NULL; must not sleep
 * @data: handed to @report
 *
 * The last resort of a removal: someone inside sits on a page fault that user
 * space does not answer, and only a fatal signal ends that.  Kernel threads
 * and the caller itself are left alone.
 *
 * Context: Any.
 * Return: how many passes were still inside.
 */
static inline unsigned int
gate_kill_inside(struct gate *gate,
		 void (*report)(struct task_struct *task, void *data),
		 void *data)
{
	struct gate_pass *pass;
	unsigned long flags;
	unsigned int nr = 0;

	spin_lock_irqsave(&gate->lock, flags);
	list_for_each_entry(pass, &gate->inside, node) {
		nr++;
		if (report)
			report(pass->task, data);
		if (pass->task != current && !(pass->task->flags & PF_KTHREAD))
			send_sig(SIGKILL, pass->task, 1);
	}
	spin_unlock_irqrestore(&gate->lock, flags);
	return nr;
}

/**
 * gate_wait_event() - sleep inside the gate until something happens
 * @gatep: the gate the caller is inside of
 * @condition: what is waited for; whoever makes it true wakes the gate's wq
 *
 * Context: May sleep; inside the gate.
 * Return: 0 when @condition holds, -ENODEV when the gate was shut first,
 *         -ERESTARTSYS on a signal.
 */
#define gate_wait_event(gatep, condition)				\
({									\
	struct gate *__gate = (gatep);					\
	bool __done = false;						\
	int __ret;							\
									\
	__ret = wait_event_interruptible(__gate->wq,			\
			(__done = !!(condition)) || gate_is_shut(__gate));\
	if (!__ret && !__done)						\
		__ret = -ENODEV;					\
	__ret;								\
})

#endif /* _LINUX_GATE_H */
