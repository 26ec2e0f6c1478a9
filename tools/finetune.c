#include "finetune.h"

#include <stdio.h>

const char *finetune_fault(const finetune_options *given) {
    if (given->rest >= 0 && !given->replace_head) return "--rest wants --replace-head";
    if (given->fresh && given->from != NULL) return "--fresh and --from exclude each other";
    return NULL;
}

outcome finetune_prepare(const invocation *call, const finetune_options *given, clade_network *network,
                         const clade_dataset *training, clade_network_loading *loading) {
    *loading = (clade_network_loading){ .taken = 0 };
    if (clade_network_fit(network, training) != CLADE_OK ||
        (given->from != NULL && clade_network_load(network, given->from, loading) != CLADE_OK))
        return failed(call);
    return DONE;
}

bool finetune_rules(const finetune_options *given, const clade_network *network, layer_rules *rules) {
    const double rest = given->rest >= 0 ? given->rest : 0.1;
    const char *const *head;
    const size_t count = given->replace_head ? clade_network_head(network, &head) : 0;
    if (count == 0) return true;
    if (rules->count + count + 1 > LAYER_RULES_MOST) return false;
    for (size_t i = 0; i < count; i++)
        rules->list[rules->count++] = (clade_layer_rule){ .states = head[i], .rate = 1 };
    rules->list[rules->count++] = (clade_layer_rule){ .states = "*", .rate = rest, .frozen = rest == 0 };
    return true;
}

/* ---- which arrays were taken ---- */

typedef struct name_list {
    const char *key, *words;
    const char *const *names;
    size_t count;
} name_list;

enum { LISTS = 4 };

static void list_names(const clade_network *network, const clade_network_loading *loading, name_list lists[LISTS]) {
    const char *const *head;
    const size_t count = clade_network_head(network, &head);
    lists[0] = (name_list){ "unused", "not in the network", loading->unused, loading->unused_count };
    lists[1] =
        (name_list){ "different", "of other sizes, or of the new head", loading->different, loading->different_count };
    lists[2] = (name_list){ "missing", "in the network alone", loading->missing, loading->missing_count };
    lists[3] = (name_list){ "head", "the new head", head, count };
}

void finetune_print(const finetune_options *given, const clade_network *network, const clade_network_loading *loading) {
    name_list lists[LISTS];
    list_names(network, loading, lists);
    if (given->from != NULL) printf("%s: %lld arrays taken\n", given->from, (long long)loading->taken);
    for (int l = given->from != NULL ? 0 : LISTS - 1; l < LISTS; l++) {
        for (size_t i = 0; i < lists[l].count; i++) {
            if (i == 0) printf("%s:", lists[l].words);
            printf("%s%s", i > 0 ? ", " : " ", lists[l].names[i]);
        }
        if (lists[l].count > 0) putchar('\n');
    }
}

void finetune_json(json *report, cJSON *object, const finetune_options *given, const clade_network *network,
                   const clade_network_loading *loading) {
    name_list lists[LISTS];
    if (given->from == NULL) return;
    list_names(network, loading, lists);
    cJSON *from = json_object(report, object, "from");
    json_text(report, from, "path", given->from);
    json_number(report, from, "taken", (double)loading->taken);
    for (int l = 0; l < LISTS; l++) {
        cJSON *names = json_array(report, from, lists[l].key);
        for (size_t i = 0; i < lists[l].count; i++)
            json_text(report, names, NULL, lists[l].names[i]);
    }
}
