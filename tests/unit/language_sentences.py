"""Short texts of the kind that a service speaks, by the language that they are in."""

SENTENCES = {
    "ms": """
Selamat pagi, apa khabar?
Selamat petang, nama saya Amir.
Selamat datang ke Hospital Kuala Lumpur.
Nombor giliran anda ialah A102.
Sila tunggu sebentar.
Sila ke kaunter nombor tiga.
Terima kasih kerana menghubungi kami.
Panggilan anda amat penting bagi kami.
Sila tekan satu untuk Bahasa Melayu.
Masukkan nombor kad pengenalan anda.
Baki akaun anda ialah RM12.50.
Tren ke KL Sentral akan tiba dalam masa lima minit.
Pintu akan ditutup.
Perhatian kepada semua penumpang.
Pesanan anda telah dihantar.
Bayaran anda telah diterima.
Kata laluan anda salah, cuba lagi.
Bila awak nak datang?
Saya tak faham apa yang awak cakap.
Cuaca hari ini sangat baik.
Esok hujan dijangka turun di Pulau Pinang.
Jangan lupa bawa payung.
Kereta saya rosak di tengah jalan.
Berapa harga baju ini?
Di mana tandas?
Boleh saya bantu anda?
Maaf, saya tidak dapat mencari pesanan itu.
Temu janji anda pada hari Isnin, pukul 3:45 petang.
Polis sedang menyiasat kes itu.
Kerajaan mengumumkan bantuan kepada rakyat.
Pejabat ditutup pada cuti umum.
Ubat ini perlu diambil dua kali sehari.
Apakah masalah anda?
Ya, betul.
Tidak, terima kasih.
Jumpa lagi esok.
Tahniah atas kejayaan anda!
Sistem sedang diselenggara, sila cuba sebentar lagi.
Bas akan bertolak pada pukul lapan pagi.
Nama saya Siti dan saya tinggal di Kuala Lumpur.
Jom pergi makan.
Barang anda sudah sampai di pejabat pos.
""",
    "en": """
Hello, how are you today?
Good evening.
Welcome to the hospital.
Your number is A102.
Please wait.
Please go to counter three.
Thank you for calling us.
Your call is important to us.
Press one for English.
Enter your card number.
Your balance is $12.50.
The train to the airport arrives in five minutes.
The doors are closing.
Mind the gap.
Your order has been shipped.
Payment received.
Wrong password, try again.
I follow your pitch.
This starts to play at once. The rest follows.
The weather is very good today.
Where is the toilet?
Can I help you?
Sorry, I could not find that order.
Your appointment is on Monday at 3:45 pm.
OK, done.
Yes.
No, thanks.
See you tomorrow.
Xylophone concerto.
One. Two. Three.
Hello world
Testing, testing, one two three.
Turn left in 200 metres.
Your parcel is at the post office.
Take this medicine twice a day.
The system is down for maintenance.
Alarm set for seven.
New message from Anna.
Low battery.
Happy birthday!
Amir and Siti live in Kuala Lumpur.
Nasi lemak and teh tarik, please.
""",
    "id": """
Nomor antrian Anda adalah A102.
Silakan tunggu sebentar.
Selamat datang di Rumah Sakit Umum Jakarta.
Pesanan Anda sudah dikirim.
Pembayaran Anda telah kami terima.
Kata sandi Anda salah, silakan coba lagi.
Kapan kamu mau datang?
Aku nggak ngerti apa yang kamu bilang.
Mobil saya rusak di tengah jalan.
Berapa harga baju ini, Pak?
Kereta ke Bandung akan berangkat jam delapan pagi.
Besok diperkirakan hujan di Surabaya.
Saldo rekening Anda Rp50.000.
Kantor tutup pada hari libur nasional.
Polisi sedang menyelidiki kasus tersebut.
Pemerintah mengumumkan bantuan bagi warga.
Terima kasih karena sudah menghubungi kami.
Saya bisa bantu apa?
Obat ini harus diminum dua kali sehari.
Sampai jumpa besok.
""",
    "de": """
Guten Morgen, wie geht es Ihnen?
Bitte warten Sie einen Augenblick.
Ihre Bestellung wurde verschickt.
""",
    "fr": """
Bonjour tout le monde, comment allez-vous ?
Veuillez patienter quelques instants.
Votre commande a été expédiée.
""",
    "es": """
Buenos días, ¿cómo está usted?
Por favor, espere un momento.
Su pedido ha sido enviado.
""",
    "it": """
Buongiorno, come sta oggi?
Il suo ordine è stato spedito ieri.
""",
    "vi": """
Xin chào, bạn có khỏe không?
Đơn hàng của bạn đã được gửi.
""",
    "tl": """
Magandang umaga po, kumusta kayo?
Naipadala na ang inyong order.
""",
    "zh": """
你好，今天天气很好。
請稍等一下。
您的订单 A102 已经发货。
""",
    "yue": """
你好，你食咗飯未呀？
佢哋喺邊度呀？
""",
    "ja": """
こんにちは、お元気ですか。
東京駅はどこですか。
コーヒー
""",
    "ko": """
안녕하세요, 반갑습니다.
주문하신 상품이 발송되었습니다.
""",
    "th": "สวัสดีครับ",
    "ar": "مرحبا، كيف حالك اليوم؟",
    "ta": "வணக்கம், எப்படி இருக்கிறீர்கள்?",
    "hi": "नमस्ते, आप कैसे हैं?",
    "ru": "Здравствуйте, как ваши дела?",
    "el": "Καλημέρα σας",
    "he": "שלום לכולם",
    "my": "မင်္ဂလာပါ",
    "km": "សួស្តី",
}  # fmt: skip

HELD_OUT = {
    "ms": """
Sila masukkan kod pos anda.
Penerbangan ke Kota Kinabalu ditangguhkan.
Sila berdiri di belakang garisan kuning.
Makanan tengah hari sudah siap.
Anak saya demam sejak semalam.
Bil elektrik bulan ini ialah RM85.20.
Adakah anda ingin meneruskan?
Lampu di bilik tamu telah dipadamkan.
Jalan raya sesak di Lebuhraya Persekutuan.
Esok cuti sekolah bermula.
Sila imbas kod QR di skrin.
Kedai ini dibuka setiap hari kecuali Jumaat.
Saya hendak membeli dua tiket ke Ipoh.
Talian sibuk.
Kipas dihidupkan.
Mesyuarat bermula pukul sepuluh.
""",
    "en": """
Enter your postcode.
The flight to Kota Kinabalu is delayed.
Stand behind the yellow line.
Lunch is ready.
My son has had a fever since yesterday.
Your electricity bill is RM85.20.
Do you want to continue?
Living room lights off.
Heavy traffic on the Federal Highway.
School holidays start tomorrow.
Scan the QR code on the screen.
Closed on Fridays.
Two tickets to Ipoh, please.
Line busy.
Fan on.
Meeting at ten.
""",
    "id": """
Silakan masukkan kode pos Anda.
Penerbangan ke Denpasar ditunda.
Makan siang sudah siap.
Anak saya demam sejak kemarin.
Tagihan listrik bulan ini Rp250.000.
Apakah Anda ingin melanjutkan?
Lampu ruang tamu sudah dimatikan.
Pindai kode QR di layar.
Toko ini buka setiap hari kecuali Jumat.
Saya mau beli dua tiket ke Yogyakarta.
""",
}
"""Written after the detector was made, and never used to change it."""


def _cases(languages: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (language, sentence)
        for language, sentences in languages.items()
        for sentence in sentences.strip().splitlines()
    ]


CASES = _cases(SENTENCES)
HELD_OUT_CASES = _cases(HELD_OUT)
