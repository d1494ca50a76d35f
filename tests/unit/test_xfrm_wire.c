/* SPDX-License-Identifier: GPL-2.0-only */
/* XFRM netlink bytes: what the kernel sends comes out as sent, what it never sends does no harm. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <cmocka.h>
#include "../tools/xfrm_messages.h"

#define ROUNDS 2000

static _Alignas(8) uint8_t buf[2 * MESSAGE_MAX];

static uint64_t random_state = 42;

static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint32_t random_u32(void)
{
	return (uint32_t)(random_u64() >> 16);
}

static struct address random_address(uint8_t family)
{
	struct address a = { .family = family };

	for (unsigned i = 0; i < (family == AF_INET ? 4 : 16); i++)
		a.bytes[i] = (uint8_t)random_u32();
	a.bytes[0] |= 1; /* not "any" */
	return a;
}

static uint8_t random_family(void)
{
	return random_u32() % 2 ? AF_INET : AF_INET6;
}

static void random_algorithm(struct xfrm_algorithm *a, const char *name)
{
	strcpy(a->name, name);
	a->key_bits = 8 * (16 + random_u32() % 20);
}

static struct xfrm_lifetime random_lifetime(void)
{
	return (struct xfrm_lifetime){ random_u64(),
				       XFRM_UNLIMITED,
				       random_u64(),
				       XFRM_UNLIMITED,
				       random_u32(),
				       random_u32(),
				       0,
				       0 };
}

static struct xfrm_sa random_sa(void)
{
	uint8_t family = random_family();
	struct xfrm_sa sa = {
		.id = { random_address(family), 1 + random_u32() / 2, IPPROTO_ESP, 0, 0 },
		.saddr = random_address(family),
		.if_id = random_u32() % 4 ? random_u32() : 0,
		.reqid = random_u32(),
		.direction = random_u32() % 3,
		.cpu = random_u32() % 2 ? random_u32() % 64 : XFRM_NO_CPU,
		.mode = XFRM_MODE_TUNNEL,
		.replayed = random_u32(),
		.outside_window = random_u32(),
		.integrity_failed = random_u32(),
		.lifetime = random_lifetime(),
		.usage = { random_u64(), random_u64(), random_u32(), random_u32() },
	};

	if (random_u32() % 2)
		sa.id.mark = random_u32(), sa.id.mark_mask = random_u32() | 1;
	sa.esn = random_u32() % 2;
	sa.replay_window = sa.esn ? 1024 : 32;
	sa.sent_seq = sa.esn ? random_u64() : random_u32();
	sa.received_seq = sa.esn ? random_u64() : random_u32();
	sa.encap = random_u32() % 2;
	if (sa.encap)
		sa.encap_sport = 4500, sa.encap_dport = (uint16_t)random_u32();
	if (random_u32() % 2) {
		random_algorithm(&sa.aead, "rfc4106(gcm(aes))");
	} else {
		random_algorithm(&sa.crypt, "cbc(aes)");
		random_algorithm(&sa.auth, "hmac(sha256)");
	}
	return sa;
}

static struct xfrm_policy random_policy(void)
{
	uint8_t inner = random_family(), outer = random_family();
	struct address any = { .family = inner };
	struct xfrm_policy p = {
		.index = random_u32(),
		.direction = (uint8_t)(random_u32() % 3),
		.block = random_u32() % 2,
		.if_id = random_u32(),
		.priority = random_u32(),
		.family = inner,
		.source = prefix_of(&any, 0),
		.template_count = (uint8_t)(random_u32() % (XFRM_TEMPLATES + 1)),
	};
	struct address a = random_address(inner);

	p.destination = prefix_of(&a, random_u32() % (address_bits(&a) + 1));
	for (unsigned i = 0; i < p.template_count; i++)
		p.templates[i] = (struct xfrm_template){
			random_address(outer), random_address(outer), random_u32(),
			random_u32(),	       IPPROTO_ESP,	      XFRM_MODE_TUNNEL,
		};
	return p;
}

static void assert_decodes(size_t len, struct xfrm_event *e)
{
	size_t used;

	memset(e, 0, sizeof(*e));
	assert_int_equal(xfrm_decode(buf, len, e, &used), 0);
	assert_int_equal(used, len);
}

static void assert_no_key_material(const struct xfrm_event *e)
{
	static const uint8_t key[8] = { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa };

	assert_null(memmem(e, sizeof(*e), key, sizeof(key)));
}

/* Field by field, since a struct has padding. */
static void assert_same_sa(const struct xfrm_sa *a, const struct xfrm_sa *b)
{
	assert_true(xfrm_sa_id_equal(&a->id, &b->id));
	assert_true(address_equal(&a->saddr, &b->saddr));
	assert_int_equal(a->if_id, b->if_id);
	assert_int_equal(a->reqid, b->reqid);
	assert_int_equal(a->direction, b->direction);
	assert_int_equal(a->cpu, b->cpu);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->larval, b->larval);
	assert_memory_equal(&a->aead, &b->aead, sizeof(a->aead));
	assert_memory_equal(&a->crypt, &b->crypt, sizeof(a->crypt));
	assert_memory_equal(&a->auth, &b->auth, sizeof(a->auth));
	assert_int_equal(a->encap, b->encap);
	assert_int_equal(a->encap_sport, b->encap_sport);
	assert_int_equal(a->encap_dport, b->encap_dport);
	assert_int_equal(a->esn, b->esn);
	assert_int_equal(a->replay_window, b->replay_window);
	assert_true(a->sent_seq == b->sent_seq && a->received_seq == b->received_seq);
	assert_int_equal(a->replayed, b->replayed);
	assert_int_equal(a->outside_window, b->outside_window);
	assert_int_equal(a->integrity_failed, b->integrity_failed);
	assert_memory_equal(&a->lifetime, &b->lifetime, sizeof(a->lifetime));
	assert_memory_equal(&a->usage, &b->usage, sizeof(a->usage));
}

static void assert_same_policy(const struct xfrm_policy *a, const struct xfrm_policy *b)
{
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->direction, b->direction);
	assert_int_equal(a->block, b->block);
	assert_int_equal(a->if_id, b->if_id);
	assert_int_equal(a->priority, b->priority);
	assert_int_equal(a->family, b->family);
	assert_true(prefix_equal(&a->source, &b->source));
	assert_true(prefix_equal(&a->destination, &b->destination));
	assert_int_equal(a->template_count, b->template_count);
	for (unsigned i = 0; i < a->template_count; i++) {
		assert_true(address_equal(&a->templates[i].saddr, &b->templates[i].saddr));
		assert_true(address_equal(&a->templates[i].daddr, &b->templates[i].daddr));
		assert_int_equal(a->templates[i].spi, b->templates[i].spi);
		assert_int_equal(a->templates[i].reqid, b->templates[i].reqid);
		assert_int_equal(a->templates[i].proto, b->templates[i].proto);
	}
}

static void sas_of_all_kinds_come_out_as_sent(void **state)
{
	struct xfrm_event e;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct xfrm_sa sa = random_sa();

		assert_decodes(message_sa(buf, XFRM_MSG_NEWSA, &sa), &e);
		assert_int_equal(e.kind, XFRM_EVENT_SA);
		assert_false(e.update);
		assert_same_sa(&e.sa, &sa);
		assert_no_key_material(&e);
		assert_decodes(message_sa(buf, XFRM_MSG_UPDSA, &sa), &e);
		assert_int_equal(e.kind, XFRM_EVENT_SA);
		assert_true(e.update);
		assert_decodes(message_sa_delete(buf, &sa), &e);
		assert_int_equal(e.kind, XFRM_EVENT_SA_DELETE);
		assert_same_sa(&e.sa, &sa);
		assert_no_key_material(&e);
	}
}

static void policies_of_all_kinds_come_out_as_sent(void **state)
{
	struct xfrm_event e;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct xfrm_policy p = random_policy();

		assert_decodes(message_policy(buf, XFRM_MSG_NEWPOLICY, &p), &e);
		assert_int_equal(e.kind, XFRM_EVENT_POLICY);
		assert_same_policy(&e.policy, &p);
		assert_decodes(message_policy(buf, XFRM_MSG_UPDPOLICY, &p), &e);
		assert_true(e.update);
		assert_decodes(message_policy_delete(buf, &p), &e);
		assert_int_equal(e.kind, XFRM_EVENT_POLICY_DELETE);
		assert_same_policy(&e.policy, &p);
		assert_decodes(message_policy_expire(buf, &p, true), &e);
		assert_int_equal(e.kind, XFRM_EVENT_POLICY_DELETE);
		assert_same_policy(&e.policy, &p);
	}
}

static void an_expiry_says_soft_or_hard_and_of_what(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct xfrm_event e;

	(void)state;
	sa.if_id = 101;
	assert_decodes(message_expire(buf, &sa, false), &e);
	assert_int_equal(e.kind, XFRM_EVENT_EXPIRE_SOFT);
	assert_true(xfrm_sa_id_equal(&e.sa.id, &sa.id));
	assert_int_equal(e.sa.if_id, 101);
	assert_decodes(message_expire(buf, &sa, true), &e);
	assert_int_equal(e.kind, XFRM_EVENT_EXPIRE_HARD);
}

static void a_soft_expiry_of_a_policy_is_of_no_interest(void **state)
{
	struct xfrm_policy p = random_policy();
	struct xfrm_event e;

	(void)state;
	assert_int_equal(xfrm_decode(buf, message_policy_expire(buf, &p, false), &e, NULL),
			 -ENOMSG);
}

static void an_sa_without_algorithm_or_spi_is_larval(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct xfrm_event e;

	(void)state;
	sa.id.spi = 0;
	assert_decodes(message_sa(buf, XFRM_MSG_NEWSA, &sa), &e);
	assert_true(e.sa.larval);
	sa = random_sa();
	memset(&sa.aead, 0, sizeof(sa.aead));
	memset(&sa.crypt, 0, sizeof(sa.crypt));
	memset(&sa.auth, 0, sizeof(sa.auth));
	assert_decodes(message_sa(buf, XFRM_MSG_NEWSA, &sa), &e);
	assert_true(e.sa.larval);
}

static void a_deletion_without_the_whole_sa_still_says_which(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_event e;

	(void)state;
	sa.id.mark = sa.id.mark_mask = 0;
	message_sa_delete(buf, &sa);
	nlh->nlmsg_len = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct xfrm_usersa_id));
	assert_decodes(nlh->nlmsg_len, &e);
	assert_int_equal(e.kind, XFRM_EVENT_SA_DELETE);
	assert_true(xfrm_sa_id_equal(&e.sa.id, &sa.id));
}

static void a_deletion_that_names_two_sas_is_malformed(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct xfrm_usersa_id *id;
	struct xfrm_event e;
	size_t len = message_sa_delete(buf, &sa);

	(void)state;
	id = mnl_nlmsg_get_payload((struct nlmsghdr *)buf);
	id->spi ^= 1;
	assert_int_equal(xfrm_decode(buf, len, &e, NULL), -EBADMSG);
}

static void flushes_say_of_what(void **state)
{
	struct xfrm_event e;

	(void)state;
	assert_decodes(message_sa_flush(buf, 255), &e);
	assert_int_equal(e.kind, XFRM_EVENT_SA_FLUSH);
	assert_int_equal(e.proto, 255);
	assert_decodes(message_policy_flush(buf), &e);
	assert_int_equal(e.kind, XFRM_EVENT_POLICY_FLUSH);
}

static void sub_policies_are_of_no_interest(void **state)
{
	struct xfrm_userpolicy_type type = { .type = XFRM_POLICY_TYPE_SUB };
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_policy p = random_policy();
	struct xfrm_event e;

	(void)state;
	message_policy(buf, XFRM_MSG_NEWPOLICY, &p);
	mnl_attr_put(nlh, XFRMA_POLICY_TYPE, sizeof(type), &type);
	assert_int_equal(xfrm_decode(buf, nlh->nlmsg_len, &e, NULL), -ENOMSG);
	message_policy_flush(buf);
	mnl_attr_put(nlh, XFRMA_POLICY_TYPE, sizeof(type), &type);
	assert_int_equal(xfrm_decode(buf, nlh->nlmsg_len, &e, NULL), -ENOMSG);
}

static void acquire_mapping_and_migrate_are_told_apart(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct xfrm_policy p = random_policy();
	struct xfrm_event e;

	(void)state;
	p.template_count = 1;
	p.templates[0].daddr = sa.id.daddr;
	p.templates[0].saddr = sa.saddr;
	assert_decodes(message_acquire(buf, &sa, &p), &e);
	assert_int_equal(e.kind, XFRM_EVENT_ACQUIRE);
	assert_true(address_equal(&e.sa.id.daddr, &sa.id.daddr));
	assert_int_equal(e.sa.if_id, p.if_id);
	sa.encap_sport = 4501;
	assert_decodes(message_mapping(buf, &sa), &e);
	assert_int_equal(e.kind, XFRM_EVENT_MAPPING);
	assert_int_equal(e.sa.encap_sport, 4501);
	assert_decodes(message_migrate(buf, &p), &e);
	assert_int_equal(e.kind, XFRM_EVENT_MIGRATE);
}

static void done_error_and_overrun_say_how_it_went(void **state)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_event e;

	(void)state;
	assert_decodes(message_control(buf, NLMSG_DONE, 0), &e);
	assert_int_equal(e.kind, XFRM_EVENT_DONE);
	assert_int_equal(e.error, 0);
	message_control(buf, NLMSG_DONE, 0);
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	assert_decodes(nlh->nlmsg_len, &e);
	assert_int_equal(e.error, -EINTR);
	assert_decodes(message_control(buf, NLMSG_ERROR, -EPERM), &e);
	assert_int_equal(e.kind, XFRM_EVENT_ERROR);
	assert_int_equal(e.error, -EPERM);
	assert_decodes(message_control(buf, NLMSG_OVERRUN, 0), &e);
	assert_int_equal(e.kind, XFRM_EVENT_ERROR);
	assert_int_equal(e.error, -ENOBUFS);
}

/* Every length from nothing to all: cut anywhere, nothing is read behind the cut. */
static void a_message_cut_anywhere_is_refused_or_shorter(void **state)
{
	struct xfrm_sa sa = random_sa();
	size_t len = message_sa_delete(buf, &sa);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1); /* for the sanitizer's fences */
		struct xfrm_event e;

		assert_non_null(exact);
		memcpy(exact, buf, cut);
		assert_int_equal(xfrm_decode(exact, cut, &e, NULL), -EINVAL);
		if (cut >= sizeof(struct nlmsghdr)) {
			uint32_t claimed = (uint32_t)cut;
			int err;

			memcpy(exact, &claimed, sizeof(claimed));
			err = xfrm_decode(exact, cut, &e, NULL);
			assert_true(err == 0 || err == -EBADMSG);
		}
		free(exact);
	}
}

static void a_short_attribute_is_malformed(void **state)
{
	static const uint16_t types[] = { XFRMA_ALG_AEAD, XFRMA_ALG_AUTH, XFRMA_ALG_CRYPT,
					  XFRMA_ENCAP,	  XFRMA_MARK,	  XFRMA_IF_ID,
					  XFRMA_TMPL,	  XFRMA_POLICY,	  XFRMA_REPLAY_ESN_VAL };
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_sa sa = random_sa();
	struct xfrm_event e;

	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		message_sa(buf, XFRM_MSG_NEWSA, &sa);
		mnl_attr_put(nlh, types[i], 3, "abc");
		assert_int_equal(xfrm_decode(buf, nlh->nlmsg_len, &e, NULL), -EBADMSG);
	}
}

static void an_attribute_of_a_later_kernel_is_passed_over(void **state)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_sa sa = random_sa();
	struct xfrm_event e;

	(void)state;
	message_sa(buf, XFRM_MSG_NEWSA, &sa);
	mnl_attr_put_u32(nlh, 36, 7);
	mnl_attr_put_u32(nlh, 1000, 7);
	assert_decodes(nlh->nlmsg_len, &e);
	assert_same_sa(&e.sa, &sa);
}

static void a_family_that_is_none_is_malformed(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct xfrm_policy p = random_policy();
	struct xfrm_event e;

	(void)state;
	sa.id.daddr.family = AF_UNIX;
	assert_int_equal(xfrm_decode(buf, message_sa(buf, XFRM_MSG_NEWSA, &sa), &e, NULL),
			 -EBADMSG);
	p.family = 0;
	assert_int_equal(xfrm_decode(buf, message_policy(buf, XFRM_MSG_NEWPOLICY, &p), &e, NULL),
			 -EBADMSG);
}

static void a_prefix_longer_than_its_address_is_malformed(void **state)
{
	struct xfrm_policy p = random_policy();
	struct xfrm_event e;

	(void)state;
	p.family = AF_INET;
	p.source.len = 33;
	assert_int_equal(xfrm_decode(buf, message_policy(buf, XFRM_MSG_NEWPOLICY, &p), &e, NULL),
			 -EBADMSG);
}

static void an_algorithm_name_without_end_is_cut(void **state)
{
	struct xfrm_sa sa = random_sa();
	struct xfrm_event e;

	(void)state;
	memset(sa.aead.name, 'x', sizeof(sa.aead.name));
	assert_decodes(message_sa(buf, XFRM_MSG_NEWSA, &sa), &e);
	assert_int_equal(strlen(e.sa.aead.name), XFRM_ALGORITHM_LEN - 1);
}

static void messages_of_others_are_of_no_interest(void **state)
{
	struct xfrm_event e;

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		struct nlmsghdr *nlh = message_begin(buf, (uint16_t)type);

		mnl_nlmsg_put_extra_header(nlh, 512);
		if (type > NLMSG_OVERRUN && (type < XFRM_MSG_BASE || type > XFRM_MSG_MAX))
			assert_int_equal(xfrm_decode(buf, nlh->nlmsg_len, &e, NULL), -ENOMSG);
	}
}

static int count_events(const struct xfrm_event *e, void *data)
{
	unsigned *count = data;

	(void)e;
	return ++*count == 3 ? 77 : 0;
}

static void a_datagram_of_several_messages_is_read_to_its_end(void **state)
{
	struct xfrm_sa sa = random_sa();
	unsigned count = 0, malformed = 0;
	size_t len = message_sa_flush(buf, 0);

	(void)state;
	message_begin(buf + len, XFRM_MSG_NEWAE); /* passed over */
	len += NLMSG_HDRLEN;
	message_begin(buf + len, XFRM_MSG_NEWSA); /* too short */
	len += NLMSG_HDRLEN;
	len += message_sa(buf + len, XFRM_MSG_NEWSA, &sa);
	assert_int_equal(xfrm_decode_all(buf, len, &malformed, count_events, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(malformed, 1);
	assert_int_equal(xfrm_decode_all(buf, len + 7, &malformed, count_events, &count), 77);
}

static void a_datagram_with_a_torn_tail_gives_what_was_whole(void **state)
{
	unsigned count = 0, malformed = 0;
	size_t len = message_sa_flush(buf, 0);

	(void)state;
	memset(buf + len, 0xff, 40);
	assert_int_equal(xfrm_decode_all(buf, len + 40, &malformed, count_events, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(malformed, 1);
}

static void requests_ask_for_a_dump_and_change_nothing(void **state)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct xfrm_sa sa = random_sa();
	struct xfrm_usersa_id *id;

	(void)state;
	assert_int_equal(xfrm_request_dump_sa(buf, 5), NLMSG_HDRLEN);
	assert_int_equal(nlh->nlmsg_type, XFRM_MSG_GETSA);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	assert_int_equal(nlh->nlmsg_seq, 5);
	xfrm_request_dump_policy(buf, 6);
	assert_int_equal(nlh->nlmsg_type, XFRM_MSG_GETPOLICY);
	sa.id.mark_mask = 0xff;
	assert_true(xfrm_request_get_sa(buf, 7, &sa.id) <= XFRM_REQUEST_MAX);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	id = mnl_nlmsg_get_payload(nlh);
	assert_int_equal(ntohl(id->spi), sa.id.spi);
	assert_int_equal(id->family, sa.id.daddr.family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sas_of_all_kinds_come_out_as_sent),
		cmocka_unit_test(policies_of_all_kinds_come_out_as_sent),
		cmocka_unit_test(an_expiry_says_soft_or_hard_and_of_what),
		cmocka_unit_test(a_soft_expiry_of_a_policy_is_of_no_interest),
		cmocka_unit_test(an_sa_without_algorithm_or_spi_is_larval),
		cmocka_unit_test(a_deletion_without_the_whole_sa_still_says_which),
		cmocka_unit_test(a_deletion_that_names_two_sas_is_malformed),
		cmocka_unit_test(flushes_say_of_what),
		cmocka_unit_test(sub_policies_are_of_no_interest),
		cmocka_unit_test(acquire_mapping_and_migrate_are_told_apart),
		cmocka_unit_test(done_error_and_overrun_say_how_it_went),
		cmocka_unit_test(a_message_cut_anywhere_is_refused_or_shorter),
		cmocka_unit_test(a_short_attribute_is_malformed),
		cmocka_unit_test(an_attribute_of_a_later_kernel_is_passed_over),
		cmocka_unit_test(a_family_that_is_none_is_malformed),
		cmocka_unit_test(a_prefix_longer_than_its_address_is_malformed),
		cmocka_unit_test(an_algorithm_name_without_end_is_cut),
		cmocka_unit_test(messages_of_others_are_of_no_interest),
		cmocka_unit_test(a_datagram_of_several_messages_is_read_to_its_end),
		cmocka_unit_test(a_datagram_with_a_torn_tail_gives_what_was_whole),
		cmocka_unit_test(requests_ask_for_a_dump_and_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
