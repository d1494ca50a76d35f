/* SPDX-License-Identifier: GPL-2.0-only */
/* espalier show cpus: a line for each CPU of a device. */
#include "field.h"
#include "show.h"

static const struct column cpu_columns[] = {
	{ "DEVICE", ALIGN_LEFT },   { "SPREAD", ALIGN_LEFT }, { "WANTED", ALIGN_LEFT },
	{ "CPU", ALIGN_RIGHT },	    { "SAS", ALIGN_RIGHT },   { "SENT THERE", ALIGN_RIGHT },
	{ "HANDLED", ALIGN_RIGHT }, { "BYTES", ALIGN_RIGHT }, { "SHARE", ALIGN_LEFT },
	{ "LOST", ALIGN_RIGHT },    { "WHY", ALIGN_LEFT },    { NULL, ALIGN_LEFT },
};

static void cell_wanted(struct table *t, const json_t *item)
{
	char buf[FIELD_LIST_STRLEN];
	const char *word = json_string_value(field(item, "wanted"));

	table_cell(t, STYLE_PLAIN, "%s", word ? word : field_list(item, "wanted", buf));
}

static uint64_t handled(const json_t *cpu)
{
	return field_count(field(cpu, "handled"), "packets");
}

static void cpu_cells(struct table *t, const json_t *cpu, uint64_t all)
{
	uint64_t lost = field_count(cpu, "lost");
	char buf[BAR_STRLEN];

	cell_text(t, cpu, "cpu");
	cell_text(t, cpu, "sas");
	cell_packets(t, cpu, "sent");
	cell_packets(t, cpu, "handled");
	cell_bytes(t, cpu, "handled");
	table_cell(t, STYLE_PLAIN, "%s",
		   unit_bar(all ? (double)handled(cpu) / (double)all : 0, buf));
	table_cell(t, lost ? STYLE_WARN : STYLE_PLAIN, "%s", unit_count(lost, buf));
	table_cell(t, STYLE_PLAIN, "%s", "");
}

static void cpu_row(struct table *t, const json_t *list, const json_t *item)
{
	const json_t *cpus = field(item, "cpus");
	size_t count = json_array_size(cpus);
	uint64_t all = 0;

	(void)list;
	for (size_t i = 0; i < count; i++)
		all += handled(json_array_get(cpus, i));
	for (size_t i = 0; i < count || !i; i++) {
		table_cell(t, STYLE_PLAIN, "%s", i ? "" : field_string(item, "device"));
		table_cell(t, STYLE_PLAIN, "%s", i ? "" : field_string(item, "spread"));
		if (i)
			table_cell(t, STYLE_PLAIN, "%s", "");
		else
			cell_wanted(t, item);
		if (count) {
			cpu_cells(t, json_array_get(cpus, i), all);
			continue;
		}
		for (int k = 0; k < 7; k++)
			table_cell(t, STYLE_PLAIN, "-");
		table_cell(t, STYLE_DIM, "%s", field_string(item, "why"));
	}
}

const struct noun noun_cpus = {
	.name = "cpus",
	.none = "nothing is to be spread over CPUs",
	.columns = cpu_columns,
	.row = cpu_row,
};
