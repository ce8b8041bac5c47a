"""Letters to people of a host by SMTP: ADDRESS DOMAIN SEED. At most 600 of them."""
import email.message, os, random, smtplib, sys, time

address, domain, chance = sys.argv[1], sys.argv[2], random.Random(int(sys.argv[3]))
pace = int(os.environ.get("PACE", 1))
for n in range(600):
    letter = email.message.EmailMessage()
    letter["From"], letter["To"] = f"{chance.choice(['anna', 'bert', 'carla'])}@outside.example", f"{chance.choice(['alice', 'deploy'])}@{domain}"
    letter["Subject"] = f"Number {n}"
    letter.set_content("Dear all,\n" + "x" * chance.randrange(60) + "\n" + "words and more words\n" * chance.randrange(80))
    if chance.random() < 0.2:
        letter.add_attachment(chance.randbytes(chance.randrange(500, 20000)), maintype="image", subtype="png", filename=f"picture-{n % 9}.png")
    try:
        with smtplib.SMTP(address, timeout=10) as server:
            server.send_message(letter)
    except (OSError, smtplib.SMTPException):
        pass
    time.sleep(chance.expovariate(0.8) * pace)
