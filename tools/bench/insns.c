// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's emulator that counts a machine's instructions, with those
 * of the guests inside it apart
 *
 * A processor is in a guest from VMRUN until it is behind that VMRUN again.  A
 * window is from one mark to the next, on whatever side of VMRUN they are; a
 * mark is a NOP that nothing else uses (guest_bench.c).  Its sums, of all
 * processors, go into a file of their own for each window,
 *
 *	PREFIX.N	"HOST GUEST PAUSES", N from 0
 *
 * which is there, whole, before the closing mark is executed.  PAUSES are those
 * of HOST that are PAUSE, which waits.  A block counts when it is entered: one
 * that is left by a fault counts whole, and again.  A string instruction counts
 * once however often it is repeated, as processors count it: the emulator
 * enters a block that begins with it for each time but the first.
 *
 * The functions of QEMU's interface are declared here, as Debian has no package
 * with its header.
 *
 * usage: qemu -plugin insns.so,out=PREFIX
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of QEMU 7.2 the first, of QEMU 10 the second: PLUGIN_API is the caller's. */
#ifndef PLUGIN_API
#define PLUGIN_API 1
#endif

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void tb_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void exec_fn(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_fn *fn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  exec_fn *fn, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    exec_fn *fn, int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
#if PLUGIN_API < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to,
			     size_t len);
#endif

#define MAX_CPUS	64
#define VMRUN_LEN	3

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_API;

/* What is counted. */
enum { HOST, GUEST, PAUSES, NR_SUMS };

static const uint8_t pause[] = { 0xf3, 0x90 };
static const uint8_t vmrun[VMRUN_LEN] = { 0x0f, 0x01, 0xd8 };
/* nopl 0x4d5843NN(%rax), but for NN: 0 begins, 1 ends */
static const uint8_t mark[] = { 0x0f, 0x1f, 0x80, 0x43, 0x58, 0x4d };

/* A block of translated code. */
struct block {
	uint64_t at;
	uint64_t insns;
	uint64_t pauses;
	/* behind VMRUN, or 0 */
	uint64_t back;
};

/* A processor: written by itself, read by the one that meets a mark. */
static struct cpu {
	uint64_t sums[NR_SUMS];
	uint64_t back;
} cpus[MAX_CPUS];

static uint64_t begin[NR_SUMS];
static unsigned int windows;
static const char *prefix;

static void run_block(unsigned int index, void *data)
{
	struct cpu *cpu = &cpus[index % MAX_CPUS];
	const struct block *block = data;

	if (cpu->back == block->at)
		cpu->back = 0;
	cpu->sums[cpu->back ? GUEST : HOST] += block->insns;
	if (!cpu->back)
		cpu->sums[PAUSES] += block->pauses;
	if (block->back)
		cpu->back = block->back;
}

static void sum(uint64_t total[NR_SUMS])
{
	unsigned int i, what;

	for (what = 0; what < NR_SUMS; what++) {
		total[what] = 0;
		for (i = 0; i < MAX_CPUS; i++)
			total[what] +=
				*(volatile uint64_t *)&cpus[i].sums[what];
	}
}

static void meet_mark(unsigned int index, void *data)
{
	uint64_t end[NR_SUMS];
	unsigned int what;
	char path[4096];
	FILE *file;

	(void)index;
	if (!data) {
		sum(begin);
		return;
	}
	sum(end);
	snprintf(path, sizeof(path), "%s.%u", prefix, windows++);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		return;
	}
	for (what = 0; what < NR_SUMS; what++)
		fprintf(file, "%llu ",
			(unsigned long long)(end[what] - begin[what]));
	fclose(file);
}

/* The beginning of an instruction. */
static size_t copy_insn(const struct qemu_plugin_insn *insn, uint8_t to[16])
{
	size_t len = qemu_plugin_insn_size(insn);

	if (len > 16)
		len = 16;
#if PLUGIN_API < 3
	memcpy(to, qemu_plugin_insn_data(insn), len);
#else
	len = qemu_plugin_insn_data(insn, to, len);
#endif
	return len;
}

static bool is_string(uint8_t opcode)
{
	return (opcode >= 0xa4 && opcode <= 0xa7) ||
	       (opcode >= 0xaa && opcode <= 0xaf);
}

/* A string instruction that is repeated. */
static bool is_repeated(const uint8_t *bytes, size_t len)
{
	if (len < 2 || (bytes[0] != 0xf3 && bytes[0] != 0xf2))
		return false;
	/* An operand of 64 bits, or of 16. */
	if (len == 3 && ((bytes[1] & 0xf0) == 0x40 || bytes[1] == 0x66))
		return is_string(bytes[2]);
	return len == 2 && is_string(bytes[1]);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = calloc(1, sizeof(*block));
	struct qemu_plugin_insn *insn;
	uint8_t bytes[16];
	size_t len, nr, i;

	(void)id;
	if (!block)
		abort();
	nr = qemu_plugin_tb_n_insns(tb);
	block->insns = nr;
	for (i = 0; i < nr; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		len = copy_insn(insn, bytes);
		if (!i) {
			block->at = qemu_plugin_insn_vaddr(insn);
			block->insns -= is_repeated(bytes, len);
		}
		if (len == sizeof(pause) && !memcmp(bytes, pause, len))
			block->pauses++;
		if (len == VMRUN_LEN && !memcmp(bytes, vmrun, VMRUN_LEN))
			block->back = qemu_plugin_insn_vaddr(insn) + VMRUN_LEN;
		if (len == sizeof(mark) + 1 &&
		    !memcmp(bytes, mark, sizeof(mark)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, meet_mark,
							       0, bytes[6] ?
							       block : NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, run_block, 0, block);
}

__attribute__((visibility("default"))) int
qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "insns: out=PREFIX\n");
		return -1;
	}
	prefix = argv[0] + 4;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
