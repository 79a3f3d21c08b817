# make install, uninstall, image: included by the Makefile. DESTDIR, PREFIX and its relatives as everywhere; STRIP=1 leaves
# debugging symbols out. What is built is what `make all` builds: the same sources give the same bytes (with STRIP=1
# wherever they lie). The stand-in platform of the tests is not installed.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR ?= $(PREFIX)/lib/systemd/system
INSTALL ?= install

INSTALLED_PROGRAMS := $(filter-out %/carillon-carrier,$(PROGRAMS))
INSTALL_BIN := $(INSTALLED_PROGRAMS)
INSTALL_MAN1 := $(filter %.1,$(MAN_PAGES))
INSTALL_MAN8 := $(filter %.8,$(MAN_PAGES))
INSTALL_PROFILES := $(PROFILES)
INSTALL_REDIS := deploy/redis.conf deploy/users.acl
INSTALL_REDIS_SCRIPTS := deploy/make-users.sh deploy/restore-redis.sh
INSTALL_MONITORING := $(sort $(wildcard deploy/prometheus/*.yml deploy/prometheus/*.yaml deploy/grafana/*.json))
INSTALL_UNITS := $(sort $(wildcard deploy/systemd/*.service deploy/systemd/*.target))
INSTALL_DOCS := LICENSE $(sort $(wildcard docs/*.md docs/openapi.yaml))
INSTALL_CONF := deploy/config/carillon.conf

DATA := $(DATADIR)/carillon
DOCS := $(DATADIR)/doc/carillon
CONF := $(SYSCONFDIR)/carillon
BASH_COMPLETION := $(DATADIR)/bash-completion/completions/carillon
ZSH_COMPLETION := $(DATADIR)/zsh/site-functions/_carillon
FISH_COMPLETION := $(DATADIR)/fish/vendor_completions.d/carillon.fish

put = $(if $(3),$(INSTALL) -d '$(DESTDIR)$(2)' && $(INSTALL) $(4) -m $(1) -t '$(DESTDIR)$(2)' $(3),@:)
put_as = $(if $(2),$(INSTALL) -D -m 644 $(2) '$(DESTDIR)$(1)',@:)
paths = $(addprefix $(1)/,$(notdir $(2)))

INSTALLED_FILES = $(call paths,$(BINDIR),$(INSTALL_BIN)) $(call paths,$(MANDIR)/man1,$(INSTALL_MAN1)) \
                  $(call paths,$(MANDIR)/man8,$(INSTALL_MAN8)) $(call paths,$(DATA)/profiles,$(INSTALL_PROFILES)) \
                  $(call paths,$(DATA)/redis,$(INSTALL_REDIS) $(INSTALL_REDIS_SCRIPTS)) \
                  $(call paths,$(DATA)/monitoring,$(INSTALL_MONITORING)) $(call paths,$(UNITDIR),$(INSTALL_UNITS)) \
                  $(call paths,$(DOCS),$(INSTALL_DOCS)) $(DATA)/carillon.conf \
                  $(if $(COMPLETIONS),$(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION))

.PHONY: install install-programs install-data install-systemd uninstall image
install: install-programs install-data install-systemd

install-programs: programs
	$(call put,755,$(BINDIR),$(INSTALL_BIN),$(if $(filter 1,$(STRIP)),-s))

install-data: $(MAN_PAGES) $(COMPLETIONS)
	$(call put,644,$(MANDIR)/man1,$(INSTALL_MAN1))
	$(call put,644,$(MANDIR)/man8,$(INSTALL_MAN8))
	$(call put_as,$(BASH_COMPLETION),$(filter %.bash,$(COMPLETIONS)))
	$(call put_as,$(ZSH_COMPLETION),$(filter %/_carillon,$(COMPLETIONS)))
	$(call put_as,$(FISH_COMPLETION),$(filter %.fish,$(COMPLETIONS)))
	$(call put,644,$(DATA)/profiles,$(INSTALL_PROFILES))
	$(call put,644,$(DATA)/redis,$(INSTALL_REDIS))
	$(call put,755,$(DATA)/redis,$(INSTALL_REDIS_SCRIPTS))
	$(call put,644,$(DATA)/monitoring,$(INSTALL_MONITORING))
	$(call put,644,$(DOCS),$(INSTALL_DOCS))
	$(call put,644,$(DATA),$(INSTALL_CONF))
	@# One's own settings stay as they are.
	test -e '$(DESTDIR)$(CONF)/carillon.conf' || $(INSTALL) -D -m 644 $(INSTALL_CONF) '$(DESTDIR)$(CONF)/carillon.conf'

install-systemd:
	$(call put,644,$(UNITDIR),$(INSTALL_UNITS))
	sed -i -e 's|/usr/bin/carillon|$(BINDIR)/carillon|' -e 's|/usr/share/carillon|$(DATA)|' -e 's|/etc/carillon|$(CONF)|' \
	  $(patsubst %,'$(DESTDIR)%',$(call paths,$(UNITDIR),$(INSTALL_UNITS)))

# Secrets and changed settings stay.
uninstall:
	if cmp -s $(INSTALL_CONF) '$(DESTDIR)$(CONF)/carillon.conf'; then rm -f '$(DESTDIR)$(CONF)/carillon.conf'; fi
	rm -f $(patsubst %,'$(DESTDIR)%',$(INSTALLED_FILES))
	for folder in '$(DATA)/profiles' '$(DATA)/redis' '$(DATA)/monitoring' '$(DATA)' '$(DOCS)' '$(CONF)'; do \
	  rmdir "$(DESTDIR)$$folder" 2>/dev/null || true; done

# The image of this checkout, with whatever container engine DOCKER speaks to. BASE: another Debian 12 than the registry's.
DOCKER ?= docker
IMAGE ?= carillon
image:
	$(DOCKER) build -f deploy/Dockerfile --build-arg VERSION='$(VERSION)' $(if $(BASE),--build-arg BASE='$(BASE)') \
	  -t '$(IMAGE)' .
