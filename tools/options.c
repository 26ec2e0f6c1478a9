/* Reading and printing option tables: options.h. */
#include "options.h"

#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends to a fault's text, cut to fit. */
static void add(char *text, size_t size, const char *more) {
    size_t length = strlen(text);
    if (length < size) snprintf(text + length, size - length, "%s", more);
}

static void list_options(const option *table, char *text, size_t size) {
    for (const option *row = table; row->name != NULL; row++) {
        add(text, size, row == table ? "" : ", ");
        add(text, size, row->name);
    }
    add(text, size, table->name != NULL ? ", --help" : "--help");
}

static const option *find(const option *table, const char *name, size_t length) {
    for (const option *row = table; row->name != NULL; row++) {
        if (strlen(row->name) == length && memcmp(row->name, name, length) == 0) return row;
    }
    return NULL;
}

static bool read_integer(const option *row, const char *text, void *field) {
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || (double)number < row->minimum) return false;
    *(int64_t *)field = number;
    return true;
}

static bool read_seed(const option *row, const char *text, void *field) {
    (void)row;
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strchr(text, '-') != NULL) return false;
    *(uint64_t *)field = number;
    return true;
}

static bool read_real(const option *row, const char *text, void *field) {
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number) || number < row->minimum) return false;
    *(double *)field = number;
    return true;
}

/* Whether TEXT is one of the words of "a|b|c". */
static bool is_word(const char *words, const char *text) {
    size_t length = strlen(text);
    for (const char *at = words; at != NULL; at = strchr(at, '|') != NULL ? strchr(at, '|') + 1 : NULL) {
        if (strcspn(at, "|") == length && memcmp(at, text, length) == 0) return true;
    }
    return false;
}

static bool read_text(const option *row, const char *text, void *field) {
    if (strchr(row->value, '|') != NULL && !is_word(row->value, text)) return false;
    if (text[0] == '\0') return false;
    *(const char **)field = text;
    return true;
}

static bool read_bytes(const option *row, const char *text, void *field) {
    (void)row;
    static const char units[] = "KMGT";
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || !isfinite(number)) return false;
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (*end != '\0' && (unit == NULL || end[1] != '\0')) return false;
    if (unit != NULL) number = ldexp(number, 10 * (int)(unit - units + 1));
    if (number < 1 || number > 9e18) return false;
    *(int64_t *)field = (int64_t)number;
    return true;
}

static bool is_pair(const char *text) {
    const char *equals = strchr(text, '=');
    return text[0] != '-' && equals != NULL && equals != text && equals[1] != '\0';
}

static bool read_pair(const option *row, const char *text, void *field) {
    (void)row;
    option_pairs *pairs = field;
    if (!is_pair(text) || pairs->count == OPTION_MOST_PAIRS) return false;
    pairs->words[pairs->count++] = text;
    return true;
}

/* How each kind is read, and what it wants in words. */
static const struct {
    bool (*read)(const option *row, const char *text, void *field);
    const char *wants;
} kinds[] = {
    [OPTION_FLAG] = { NULL, NULL },
    [OPTION_INTEGER] = { read_integer, "a whole number" },
    [OPTION_SEED] = { read_seed, "a whole number of at most 64 bits" },
    [OPTION_REAL] = { read_real, "a number" },
    [OPTION_TEXT] = { read_text, "a word" },
    [OPTION_BYTES] = { read_bytes, "a number of bytes as 4096, 512M or 1.5G" },
    [OPTION_PAIRS] = { read_pair, "NAME=VALUE, at most 32 times" },
};

static void fault_in_value(const option *row, const char *text, char *fault, size_t size) {
    if (row->kind == OPTION_TEXT && strchr(row->value, '|') != NULL) {
        snprintf(fault, size, "%s wants one of %s, not \"%.200s\"", row->name, row->value, text);
    } else if (row->kind == OPTION_INTEGER || (row->kind == OPTION_REAL && isfinite(row->minimum))) {
        snprintf(fault, size, "%s wants %s of at least %g, not \"%.200s\"", row->name, kinds[row->kind].wants,
                 row->minimum, text);
    } else {
        snprintf(fault, size, "%s wants %s, not \"%.200s\"", row->name, kinds[row->kind].wants, text);
    }
}

/* Reads the option at WORDS[0]; the number of words taken, 0 on a fault. */
static int read_option(const option *table, const char **words, int count, void *arguments, char *fault, size_t size) {
    const char *word = words[0];
    size_t length = strcspn(word, "=");
    const option *row = find(table, word, length);
    if (row == NULL) {
        snprintf(fault, size, "unknown option %.200s; the options are ", word);
        list_options(table, fault, size);
        return 0;
    }
    void *field = (char *)arguments + row->offset;
    bool attached = word[length] == '=';
    if (row->kind == OPTION_FLAG) {
        if (attached) snprintf(fault, size, "%s takes no value", row->name);
        *(bool *)field = true;
        return attached ? 0 : 1;
    }
    /* A value in brackets may be left out: then the field becomes "". */
    const bool may_stand_alone = row->value[0] == '[';
    if (may_stand_alone && !attached && (count < 2 || words[1][0] == '-')) {
        *(const char **)field = "";
        return 1;
    }
    if (!attached && count < 2) {
        snprintf(fault, size, "%s wants a value (%s)", row->name, row->value);
        return 0;
    }
    const char *text = attached ? word + length + 1 : words[1];
    if (!kinds[row->kind].read(row, text, field)) {
        fault_in_value(row, text, fault, size);
        return 0;
    }
    int taken = attached ? 1 : 2;
    while (row->kind == OPTION_PAIRS && taken < count && is_pair(words[taken]) && read_pair(row, words[taken], field))
        taken++;
    return taken;
}

options_result options_read(const option *table, const char **words, int count, void *arguments) {
    options_result result = { 0 };
    bool only_operands = false;
    for (int at = 0; at < count;) {
        const char *word = words[at];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            words[result.operand_count++] = word;
            at++;
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
            at++;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            result.help = true;
            return result;
        } else {
            int taken = read_option(table, words + at, count - at, arguments, result.fault, sizeof result.fault);
            if (taken == 0) return result;
            at += taken;
        }
    }
    return result;
}

void options_print(const option *table) {
    for (const option *row = table; row->name != NULL; row++) {
        char head[128];
        snprintf(head, sizeof head, "%s%s%s", row->name, row->value != NULL ? " " : "",
                 row->value != NULL ? row->value : "");
        bool fits = strlen(head) <= 22;
        printf("  %-22s", head);
        printf(fits ? " " : "\n%25s", "");
        print_wrapped(row->help, 25);
    }
}
